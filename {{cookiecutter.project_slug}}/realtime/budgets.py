"""Budgets: how often a person may do what others see, or what is stored.

    NEW_ROOMS = Budget("rooms", 20, 3600, "You made many rooms in a short time.")

    with transaction.atomic():
        NEW_ROOMS.spend(user)
        ...

This one lets a person make 20 rooms at once, and then one more every three minutes. What is spent
is written in the transaction that it pays for: so it is the same in all processes, survives a
restart, and is given back when the transaction fails. The row is locked until the commit, so that
no number of requests at once gets more than there is.

Requests and frames cost their person something; what the project's own code does (a command, a
task, a shell) is free, and so is what staff do. `settings.BUDGETS` sets other budgets:
`{"rooms": [100, 3600]}`.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from math import ceil

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import models, transaction
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import ngettext_lazy

from realtime.protocol import ErrorCode, Refusal

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR
UNITS = [
    (HOUR, ngettext_lazy("Try again in %(count)s hour.", "Try again in %(count)s hours.", "count")),
    (
        MINUTE,
        ngettext_lazy("Try again in %(count)s minute.", "Try again in %(count)s minutes.", "count"),
    ),
    (
        1,
        ngettext_lazy("Try again in %(count)s second.", "Try again in %(count)s seconds.", "count"),
    ),
]
DROPPED_AT_ONCE = 1_000
MOST_OWING = 10_000
"""People of whom a process keeps what it has not written down yet."""

Limit = tuple[int, float]

charges: ContextVar[bool] = ContextVar("charges", default=False)
"""Whether what people do is taken from their budgets."""

known: dict[str, "Budget"] = {}
"""All budgets, by their names."""


class Spending(models.Model):
    """What a person has spent of one budget."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    budget = models.CharField(max_length=64)
    full_at = models.DateTimeField(db_index=True)
    """When nothing is spent of it any more."""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "budget"], name="realtime_one_row_per_budget"),
        ]

    def __str__(self) -> str:
        return f"{self.budget} of {self.user}"


class Budget:
    """So many times in so many seconds for each person.

    Args:
        name: its key in `settings.BUDGETS`.
        times: how much a person may spend at once; it is refilled evenly over `seconds`.
        refusal: what a person who spends more is told; the time to wait is added.
        frequent: whether each process writes down what a person spends only when that is a
            fortieth of the budget. It costs next to nothing then, and each process lets a person
            spend a fortieth more.
    """

    def __init__(
        self,
        name: str,
        times: int,
        seconds: float,
        refusal: str | Promise,
        *,
        frequent: bool = False,
    ) -> None:
        self.name = name
        self.refusal = refusal
        self._default = times, seconds
        self._frequent = frequent
        self._owed: Counter[int] = Counter()
        """What this process has not written down, by the ids of the people."""
        known[name] = self

    @property
    def limit(self) -> Limit:
        """The times and the seconds that are in force."""
        times, seconds = settings.BUDGETS.get(self.name, self._default)
        return times, seconds

    def spend(self, user: AbstractBaseUser, times: int = 1, of: object = "") -> None:
        """Spend in the transaction that is open.

        Args:
            of: what the budget is for, where each person has one for each of many things.

        Raises:
            Refusal: `rate_limited`.
        """
        (refusal,) = self.spend_each([(user, times)], of)
        if refusal:
            raise refusal

    def spend_each(
        self, wanted: Sequence[tuple[AbstractBaseUser, int]], of: object = ""
    ) -> list[Refusal | None]:
        """As `spend`, for many people in turn; each may come several times.

        Returns the refusal of whoever has not enough left, and spends nothing for them.
        """
        most, seconds = self.limit
        most_owed = most // 40 if self._frequent else 0
        charged = charges.get()
        asked: Counter[int] = Counter()
        for user, times in wanted:
            if charged and not getattr(user, "is_staff", False):
                asked[user.pk] += times
        due = {pk for pk, times in asked.items() if self._owed[pk] + times > most_owed}
        now, period = timezone.now(), timedelta(seconds=seconds)
        rows = _locked(f"{self.name}:{of}" if of else self.name, due, now) if due else {}
        changed: dict[int, Spending] = {}
        refusals: list[Refusal | None] = []
        for user, times in wanted:
            refusal = None
            if row := rows.get(user.pk):
                cost = min(times + self._owed[user.pk], most)
                full_at = max(row.full_at, now) + period * cost / most
                wait = (full_at - now - period).total_seconds()
                if wait > 0:
                    detail = f"{self.refusal} {_when(wait)}"
                    refusal = Refusal(ErrorCode.RATE_LIMITED, detail, wait)
                else:
                    row.full_at = full_at
                    changed[user.pk] = row
                    self._owed.pop(user.pk, None)
            elif user.pk in asked:
                if len(self._owed) > MOST_OWING:
                    self._owed.clear()
                self._owed[user.pk] += times
            refusals.append(refusal)
        if changed:
            Spending.objects.bulk_update(changed.values(), ["full_at"])
        return refusals


@contextmanager
def charging() -> Iterator[None]:
    """Let what people do meanwhile cost them: for whatever takes their requests."""
    token = charges.set(True)
    try:
        yield
    finally:
        charges.reset(token)


def drop_full() -> None:
    """Drop rows that say no more than no row would."""
    full = Spending.objects.filter(full_at__lt=timezone.now())
    with transaction.atomic():
        unlocked = full.select_for_update(skip_locked=True).values_list("pk", flat=True)
        Spending.objects.filter(pk__in=list(unlocked[:DROPPED_AT_ONCE])).delete()


def _locked(name: str, user_ids: set[int], now: datetime) -> dict[int, Spending]:
    """The rows of these people, made where they have none.

    They are locked in the order of their people: no two transactions wait for each other.
    """
    rows = Spending.objects.select_for_update(no_key=True).filter(budget=name).order_by("user")
    found = {row.user_id: row for row in rows.filter(user__in=user_ids)}
    if missing := sorted(user_ids - found.keys()):
        new = [Spending(user_id=pk, budget=name, full_at=now) for pk in missing]
        Spending.objects.bulk_create(new, ignore_conflicts=True)
        found |= {row.user_id: row for row in rows.filter(user__in=missing)}
    return found


def _when(seconds: float) -> str:
    """The sentence that says how long to wait, rounded up."""
    length, sentence = next(each for each in UNITS if seconds > each[0] or each[0] == 1)
    return sentence % {"count": ceil(seconds / length)}
