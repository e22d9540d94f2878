"""Budgets: how much a person gets, when there is more, and who shares it."""

from collections.abc import Iterator
from contextvars import Context
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import User
from realtime import budgets
from realtime.budgets import Budget, Spending
from realtime.checks import check_budgets
from realtime.http import RefusalMiddleware
from realtime.protocol import ErrorCode, Refusal

pytestmark = pytest.mark.django_db


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def goes_on(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(timezone, "now", lambda: clock.now)
    return clock


@pytest.fixture
def budget() -> Iterator[Budget]:
    """Three a minute."""
    yield Budget("test", 3, 60, "You did this often.")
    del budgets.known["test"]


@pytest.fixture
def frequent() -> Iterator[Budget]:
    """Four hundred a minute, of which a process writes down every tenth."""
    yield Budget("test", 400, 60, "You did this often.", frequent=True)
    del budgets.known["test"]


@pytest.fixture(autouse=True)
def request_of_a_person() -> Iterator[None]:
    with budgets.charging():
        yield


def refusal(budget: Budget, user: User, times: int = 1, of: object = "") -> Refusal | None:
    try:
        budget.spend(user, times, of)
    except Refusal as refusal:
        return refusal
    return None


def test_who_has_spent_all_is_told_when_there_is_more(
    ada: User, budget: Budget, clock: Clock
) -> None:
    assert [refusal(budget, ada) for _ in range(3)] == [None, None, None]
    clock.goes_on(5)

    refused = refusal(budget, ada)

    assert refused
    assert (refused.code, refused.retry_after) == (ErrorCode.RATE_LIMITED, 15)
    assert refused.detail == "You did this often. Try again in 15 seconds."
    clock.goes_on(14.9)
    assert refusal(budget, ada)
    clock.goes_on(0.1)
    assert [refusal(budget, ada) is None for _ in range(2)] == [True, False]


def test_a_budget_is_full_after_its_time_and_not_fuller(
    ada: User, budget: Budget, clock: Clock
) -> None:
    for pause in (60, 6_000):
        assert [refusal(budget, ada) is None for _ in range(4)] == [True, True, True, False]
        clock.goes_on(pause)


def test_everybody_has_a_budget_of_their_own(ada: User, bob: User, budget: Budget) -> None:
    budget.spend(ada, 3)
    assert refusal(budget, bob, 3) is None


def test_a_budget_of_each_thing_is_spent_by_itself(ada: User, budget: Budget) -> None:
    budget.spend(ada, 3, of=1)
    assert refusal(budget, ada, 3, of=2) is None
    assert refusal(budget, ada, of=1)


def test_what_costs_more_than_the_whole_budget_costs_the_whole(ada: User, budget: Budget) -> None:
    assert refusal(budget, ada, 5) is None
    assert refusal(budget, ada)


def test_staff_spend_nothing(ada: User, budget: Budget) -> None:
    ada.is_staff = True
    assert [refusal(budget, ada) for _ in range(5)] == [None] * 5
    assert not Spending.objects.exists()


def test_the_projects_own_code_spends_nothing(ada: User, budget: Budget) -> None:
    refusals = Context().run(lambda: [refusal(budget, ada) for _ in range(5)])
    assert refusals == [None] * 5


def test_what_fails_costs_nothing(ada: User, budget: Budget) -> None:
    for _ in range(5):
        with transaction.atomic():
            budget.spend(ada, 3)
            transaction.set_rollback(True)
    assert refusal(budget, ada, 3) is None


def test_the_settings_give_another_limit(
    ada: User, budget: Budget, clock: Clock, settings: Settings
) -> None:
    settings.BUDGETS = {"test": [1, 7200]}
    budget.spend(ada)
    refused = refusal(budget, ada)
    assert refused
    assert (refused.retry_after, refused.detail[-21:]) == (7200, "Try again in 2 hours.")


def test_a_budget_that_nothing_spends_is_told(settings: Settings) -> None:
    settings.BUDGETS = {"nothing": [1, 1]}
    assert [error.id for error in check_budgets(None)] == ["realtime.E004"]
    settings.BUDGETS = {"profiles": [5, 60.5]}
    assert not check_budgets(None)


def test_in_a_batch_some_are_refused_and_pay_nothing(
    ada: User, bob: User, budget: Budget, clock: Clock
) -> None:
    wanted = [(ada, 2), (bob, 1), (ada, 2), (ada, 1)]

    passed = [refusal is None for refusal in budget.spend_each(wanted)]

    assert passed == [True, True, False, True]
    assert refusal(budget, ada)
    assert refusal(budget, bob, 2) is None


def test_what_is_frequent_is_written_down_now_and_then(
    ada: User,
    frequent: Budget,
    clock: Clock,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    with django_assert_num_queries(0):
        for _ in range(10):
            frequent.spend(ada)
    frequent.spend(ada)
    assert Spending.objects.get().full_at == clock.now + timedelta(seconds=11 * 0.15)
    passed = sum(refusal(frequent, ada) is None for _ in range(500))
    assert passed + 11 <= 400 + 10  # of its process alone


def test_rows_that_say_nothing_are_dropped(
    ada: User, bob: User, budget: Budget, clock: Clock
) -> None:
    budget.spend(ada)
    clock.goes_on(20)
    budget.spend(bob)
    clock.goes_on(0.1)
    budgets.drop_full()
    assert [row.user for row in Spending.objects.all()] == [bob]


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_a_page_that_is_refused_says_when_to_try_again(accept: str) -> None:
    request = HttpRequest()
    request.META["HTTP_ACCEPT"] = accept
    refused = Refusal(ErrorCode.RATE_LIMITED, "Try again in 15 seconds.", 14.2)

    response = RefusalMiddleware(lambda _: None).process_exception(request, refused)  # type: ignore[arg-type,return-value]

    assert isinstance(response, HttpResponse)
    assert (response.status_code, response["Retry-After"]) == (429, "15")
    assert b"Try again in 15 seconds." in response.content
    assert (b'"retry_after": 14.2' in response.content) == (accept == "application/json")
