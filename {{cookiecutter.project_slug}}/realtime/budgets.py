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
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from math import ceil

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import models, transaction
from django.utils import timezone

from realtime.protocol import ErrorCode, Refusal

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR
UNITS = [(HOUR, "hour"), (MINUTE, "minute"), (1, "second")]
DROPPED_AT_ONCE = 1_000
MOST_OWING = 10_000
"""People of whom a process keeps what it has not written down yet."""

Limit = tuple[int, float]

_charges: ContextVar[bool] = ContextVar("_charges", default=False)

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
        self, name: str, times: int, seconds: float, refusal: str, *, frequent: bool = False
    ) -> None:
        self.name = name
        self.refusal = refusal
        self.owed: Counter[int] = Counter()
        """What this process has not written down, by the ids of the people."""
        self._frequent = frequent
        self._default = times, seconds
        known[name] = self

    @property
    def limit(self) -> Limit:
        """The times and the seconds that are in force."""
        times, seconds = settings.BUDGETS.get(self.name, self._default)
        return times, seconds

    @property
    def most_owed(self) -> int:
        return self.limit[0] // 40 if self._frequent else 0

    def spend(self, user: AbstractBaseUser, times: int = 1, of: object = "") -> None:
        """Spend in the transaction that is open.

        Args:
            of: what the budget is for, where each person has one for each of many things.

        Raises:
            Refusal: `rate_limited`.
        """
        purses = Purses(self, [(user, times)], of)
        if refusal := purses.take(user, times):
            raise refusal
        purses.save()


class Purses:
    """What some people have left of a budget, locked in the transaction that is open.

    Take from it, for each thing that is paid for, and save it then.

    Args:
        wanted: who will take how much; somebody may come several times.
    """

    def __init__(
        self, budget: Budget, wanted: Iterable[tuple[AbstractBaseUser, int]], of: object = ""
    ) -> None:
        self._budget = budget
        self._now = timezone.now()
        self._changed: dict[int, Spending] = {}
        totals: Counter[int] = Counter()
        for user, times in wanted:
            if not _spends_nothing(user):
                totals[user.pk] += times
        most_owed = budget.most_owed
        due = {pk for pk, times in totals.items() if budget.owed[pk] + times > most_owed}
        self._rows = _locked(f"{budget.name}:{of}" if of else budget.name, due, self._now)

    def take(self, user: AbstractBaseUser, times: int = 1) -> Refusal | None:
        """Take something; if there is not enough, take nothing and return what to answer."""
        budget, row = self._budget, self._rows.get(user.pk)
        if _spends_nothing(user):
            return None
        if row is None:
            if len(budget.owed) > MOST_OWING:
                budget.owed.clear()
            budget.owed[user.pk] += times
            return None
        most, seconds = budget.limit
        period = timedelta(seconds=seconds)
        cost = min(times + budget.owed[user.pk], most)
        full_at = max(row.full_at, self._now) + period * cost / most
        wait = (full_at - self._now - period).total_seconds()
        if wait > 0:
            detail = f"{budget.refusal} Try again in {_in_words(wait)}."
            return Refusal(ErrorCode.RATE_LIMITED, detail, wait)
        row.full_at = full_at
        budget.owed.pop(user.pk, None)
        self._changed[user.pk] = row
        return None

    def save(self) -> None:
        if self._changed:
            Spending.objects.bulk_update(self._changed.values(), ["full_at"])


@contextmanager
def charging() -> Iterator[None]:
    """Let what people do meanwhile cost them: for whatever takes their requests."""
    token = _charges.set(True)
    try:
        yield
    finally:
        _charges.reset(token)


def drop_full() -> None:
    """Drop rows that say no more than no row would."""
    full = Spending.objects.filter(full_at__lt=timezone.now())
    with transaction.atomic():
        unlocked = full.select_for_update(skip_locked=True).values_list("pk", flat=True)
        Spending.objects.filter(pk__in=list(unlocked[:DROPPED_AT_ONCE])).delete()


def _spends_nothing(user: AbstractBaseUser) -> bool:
    return not _charges.get() or getattr(user, "is_staff", False)


def _locked(name: str, user_ids: set[int], now: datetime) -> dict[int, Spending]:
    """The rows of these people, made where they have none.

    They are locked in the order of their people: no two transactions wait for each other.
    """
    if not user_ids:
        return {}
    rows = Spending.objects.select_for_update(no_key=True).filter(budget=name).order_by("user")
    found = {row.user_id: row for row in rows.filter(user__in=user_ids)}
    if missing := sorted(user_ids - found.keys()):
        new = [Spending(user_id=pk, budget=name, full_at=now) for pk in missing]
        Spending.objects.bulk_create(new, ignore_conflicts=True)
        found |= {row.user_id: row for row in rows.filter(user__in=missing)}
    return found


def _in_words(seconds: float) -> str:
    """A time to wait, rounded up."""
    length, unit = next(each for each in UNITS if seconds > each[0] or each[0] == 1)
    number = ceil(seconds / length)
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
