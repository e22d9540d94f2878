"""What people do with their notifications."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from notifications import actions
from notifications.actions import notify
from notifications.models import Inbox, Notification
from notifications.queries import UnreadOf, of, told, unread_of
from notifications.tests.conftest import assert_numbers_hold
from realtime.protocol import ErrorCode, Refusal

pytestmark = pytest.mark.django_db


def rumours(user: User, count: int) -> list[Notification]:
    for number in range(count):
        notify([user], "test.rumour", rumour=str(number))
    return list(of(user.pk))


def test_marking_one_as_read_takes_a_number(ada: User) -> None:
    latest, _ = rumours(ada, 2)

    assert actions.mark_read(ada, latest.pk) == 1

    assert of(ada.pk)[0].rev == 3
    assert_numbers_hold(ada)


def test_marking_one_as_read_twice_changes_nothing(ada: User) -> None:
    (only,) = rumours(ada, 1)
    actions.mark_read(ada, only.pk)

    assert actions.mark_read(ada, only.pk) == 0

    assert Inbox.objects.get(user=ada).last_rev == 2


def test_marking_all_as_read_is_one_change(ada: User) -> None:
    rumours(ada, 3)

    assert actions.mark_all_read(ada) == 0

    inbox = Inbox.objects.get(user=ada)
    assert (inbox.last_rev, inbox.read_rev) == (4, 4)
    assert_numbers_hold(ada)


def test_marking_all_as_read_with_nothing_unread_changes_nothing(ada: User) -> None:
    rumours(ada, 1)
    actions.mark_all_read(ada)
    actions.mark_all_read(ada)

    assert Inbox.objects.get(user=ada).last_rev == 2


@pytest.mark.parametrize("unread", [0, 1])
def test_what_a_crowd_has_not_read_takes_two_queries(people: list[User], unread: int) -> None:
    notify(people[:unread], "test.call", target="test:hall", room="hall")
    notify(people[:unread], "test.rumour", target="test:yard", rumour="it rains")

    with CaptureQueriesContext(connection) as captured:
        found = unread_of([(user.pk, "test:hall") for user in people])

    assert found[:unread] == [UnreadOf(2, {"test:hall"})] * unread
    assert found[unread:] == [UnreadOf(0, set())] * (8 - unread)
    assert len(captured) == 2


def test_what_another_tab_reads_meanwhile_is_not_counted(ada: User) -> None:
    notify([ada], "test.call", target="test:hall", room="hall")
    tabs = [actions.mark_all_read]

    def then_read(execute: Any, *arguments: Any) -> Any:  # Any: Django's signature
        result = execute(*arguments)
        while tabs:
            tabs.pop()(ada)
        return result

    with connection.execute_wrapper(then_read):
        assert [found.in_all for found in unread_of([(ada.pk, "test:hall")])] == [0]


def test_someone_who_was_never_told_anything_has_nothing_to_read(ada: User) -> None:
    assert actions.mark_all_read(ada) == 0
    assert actions.mark_target_read(ada, "test:hall") == 0
    with pytest.raises(Refusal) as refused:
        actions.mark_read(ada, 1)

    assert refused.value.code == ErrorCode.NOT_FOUND
    assert not Inbox.objects.exists()


def test_a_deleted_one_keeps_an_empty_row(ada: User) -> None:
    latest, _ = rumours(ada, 2)

    assert actions.delete(ada, latest.pk) == 1

    latest.refresh_from_db()
    assert (latest.data, latest.rev) == ({}, 3)
    assert_numbers_hold(ada)


def test_a_read_one_can_be_deleted_without_a_change_of_the_count(ada: User) -> None:
    latest, _ = rumours(ada, 2)
    actions.mark_read(ada, latest.pk)

    assert actions.delete(ada, latest.pk) == 1
    assert_numbers_hold(ada)


@pytest.mark.parametrize("action", [actions.mark_read, actions.delete])
def test_what_is_not_ones_own_is_not_found(ada: User, bob: User, action: object) -> None:
    (bobs,) = rumours(bob, 1)
    (gone,) = rumours(ada, 1)
    actions.delete(ada, gone.pk)

    for notification_id in (bobs.pk, gone.pk, 2**53 - 1):
        with pytest.raises(Refusal) as refused:
            action(ada, notification_id)  # type: ignore[operator]
        assert refused.value.code == ErrorCode.NOT_FOUND
    assert Inbox.objects.get(user=bob).unread == 1


def test_a_target_is_read_at_once(ada: User) -> None:
    notify([ada], "test.call", target="test:hall", room="hall")
    notify([ada], "test.rumour", target="test:hall", rumour="it rains")
    notify([ada], "test.call", target="test:yard", room="yard")

    assert actions.mark_target_read(ada, "test:hall") == 1

    assert_numbers_hold(ada)


def test_retracting_deletes_what_matches(ada: User, bob: User) -> None:
    for seq in ("1", "2"):
        notify([ada, bob], "test.rumour", target="test:hall", rumour="it rains", key=seq)

    assert actions.retract(told(target="test:hall", key="2")) == 2
    assert (
        actions.retract(told(target="test:hall", kind="test.rumour", notification__recipient=ada))
        == 1
    )
    assert actions.retract(told(target="test:hall", key="2")) == 0

    assert (of(ada.pk).count(), of(bob.pk).count()) == (0, 1)
    assert_numbers_hold(ada)


def test_retracting_costs_as_much_for_many_as_for_a_few(people: list[User]) -> None:
    costs = []
    for some in (people[:2], people):
        for rumour in ("it rains", "it snows"):
            notify(some, "test.rumour", target="test:hall", rumour=rumour)
        with CaptureQueriesContext(connection) as queries:
            assert actions.retract(told(target="test:hall")) == 2 * len(some)
        costs.append(len(queries))

    assert costs[0] == costs[1]
    for person in people:
        assert_numbers_hold(person)


def test_pruning_drops_what_was_read_long_ago_and_nothing_else(ada: User) -> None:
    rumours(ada, 3)
    oldest, middle, latest = reversed(of(ada.pk))
    actions.mark_read(ada, oldest.pk)
    actions.delete(ada, middle.pk)
    Notification.objects.filter(read_at=None).update(
        created_at=timezone.now() - timedelta(days=999)
    )

    assert actions.prune(timezone.now() + timedelta(days=1)) == 2

    assert list(of(ada.pk)) == [latest]
    assert Inbox.objects.get(user=ada).pruned_rev == 5
    assert_numbers_hold(ada)
