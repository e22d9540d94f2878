"""Telling people: who is told, and what is written."""

from collections.abc import Callable, Collection
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from notifications import actions
from notifications.actions import Notice, notify, notify_all
from notifications.kinds import Kind, Level, TargetLevel, UnknownKind, register
from notifications.models import Inbox, Notification
from notifications.queries import of
from notifications.tests.conftest import assert_numbers_hold
from realtime import viewing
from realtime.protocol import Refusal
from realtime.viewing import View

pytestmark = pytest.mark.django_db


def test_each_recipient_gets_a_row_with_the_next_number_of_their_own(ada: User, bob: User) -> None:
    notify([ada], "test.noise")

    assert notify([ada, bob], "test.noise") == 2

    assert of(ada.pk).values_list("rev", flat=True)[0] == 2
    assert of(bob.pk).values_list("rev", flat=True)[0] == 1
    assert_numbers_hold(ada)


def test_the_text_is_made_of_the_data_and_the_actor(ada: User, bob: User) -> None:
    notify([ada], "test.call", actor=bob, target="test:hall", room="hall")

    data = of(ada.pk).get().as_data()

    assert data.text == "bob called from hall"
    assert data.link == "/rooms/hall/"
    assert data.actor == bob.as_person()


def test_without_a_link_of_its_kind_it_leads_to_its_target(ada: User) -> None:
    for target in ("test:hall", "", "elsewhere:hall"):
        notify([ada], "test.rumour", target=target, rumour="it rains")

    assert [row.link for row in of(ada.pk)] == ["", "", "/halls/hall/"]


def test_an_unknown_kind_is_an_error_that_names_the_known_ones(ada: User) -> None:
    with pytest.raises(UnknownKind, match=r"test\.knock.*test\.call"):
        notify([ada], "test.knock")


def test_data_that_the_text_needs_is_asked_for_before_anything_is_written(ada: User) -> None:
    with pytest.raises(KeyError, match="room"):
        notify([ada], "test.call")

    assert not Notification.objects.exists()


def test_a_target_is_a_short_key(ada: User) -> None:
    with pytest.raises(ValueError, match="at most 100"):
        notify([ada], "test.call", target="test:" + "x" * 100, room="hall")


def test_two_kinds_cannot_share_a_name() -> None:
    with pytest.raises(ValueError, match=r"test\.call"):
        register(Kind("test.call", "Others", "Something else"))


def test_bots_and_those_who_are_gone_or_deactivated_are_left_out(ada: User, bob: User) -> None:
    User.objects.filter(pk=bob.pk).update(is_active=False)
    bot = User.objects.create(username="beep", is_bot=True)
    gone = User.objects.create(username="gone")
    gone_id = gone.pk
    gone.delete()

    assert notify([ada, bob, bot, gone_id, 2**62, -1], "test.noise") == 1

    assert not Inbox.objects.exclude(user=ada).exists()


def test_whoever_did_it_is_not_told_of_it(ada: User, bob: User) -> None:
    assert notify([ada, bob], "test.noise", actor=ada) == 1


def test_a_recipient_named_twice_is_told_once(ada: User) -> None:
    assert notify([ada, ada.pk, ada], "test.noise") == 1


def test_recipients_may_be_a_queryset_of_any_length(people: list[User]) -> None:
    group = Group.objects.create(name="Choir")
    for person in people:
        person.groups.add(group)

    assert notify(User.objects.filter(groups=group), "test.noise") == len(people)


def test_data_may_have_dates_and_uuids(ada: User) -> None:
    notify([ada], "test.rumour", rumour="it rains", at=ada.date_joined, id=uuid4())

    assert of(ada.pk).get().text == "They say it rains"


def test_a_rollback_leaves_nothing_behind(ada: User) -> None:
    with transaction.atomic():
        notify([ada], "test.noise")
        transaction.set_rollback(True)

    assert not Notification.objects.exists()


# Grouping


def test_unread_ones_of_a_target_fold_into_one_with_a_count(ada: User, bob: User) -> None:
    notify([ada], "test.call", actor=bob, target="test:hall", room="hall")
    notify([ada], "test.rumour", rumour="it snows")

    notify([ada], "test.reply", actor=bob, target="test:hall", room="hall")

    latest, _ = of(ada.pk)
    assert (latest.kind, latest.count, latest.seq, latest.rev) == ("test.reply", 2, 3, 3)
    assert Inbox.objects.get(user=ada).unread == 2
    assert_numbers_hold(ada)


def test_what_was_read_is_not_folded_into(ada: User) -> None:
    notify([ada], "test.call", target="test:hall", room="hall")
    actions.mark_all_read(ada)

    notify([ada], "test.call", target="test:hall", room="hall")

    assert [row.count for row in of(ada.pk)] == [1, 1]


def test_targets_do_not_fold_into_each_other(ada: User) -> None:
    notify([ada], "test.call", target="test:hall", room="hall")
    notify([ada], "test.call", target="test:yard", room="yard")

    assert [row.count for row in of(ada.pk)] == [1, 1]


def test_the_text_of_a_deleted_actor_is_of_someone(ada: User, bob: User) -> None:
    notify([ada], "test.call", actor=bob, room="hall")
    bob.delete()

    assert of(ada.pk).get().text == "Someone called from hall"


def test_a_deleted_recipient_takes_everything_along(ada: User) -> None:
    notify([ada], "test.rumour", rumour="it rains")
    actions.set_preference(ada, "test.noise", Level.QUIET)
    ada.delete()

    assert not Notification.objects.exists()
    assert not Inbox.objects.exists()


def test_kinds_that_do_not_group_get_a_row_each(ada: User) -> None:
    for _ in range(2):
        notify([ada], "test.rumour", target="test:hall", rumour="it snows")

    assert of(ada.pk).count() == 2


def test_a_loud_one_stays_loud_when_a_quiet_one_is_folded_into_it(ada: User) -> None:
    actions.set_preference(ada, "test.reply", Level.QUIET)
    notify([ada], "test.call", target="test:hall", room="hall")

    notify([ada], "test.reply", target="test:hall", room="hall")

    assert not of(ada.pk).get().quiet


# Several at once


def test_several_notices_are_told_in_their_order(ada: User, bob: User) -> None:
    told = notify_all(
        [
            Notice([bob, ada], "test.call", target="test:hall", data={"room": "hall"}),
            Notice([ada], "test.reply", target="test:hall", data={"room": "hall"}),
        ]
    )

    assert told == 3
    assert (of(ada.pk).get().kind, of(ada.pk).get().count) == ("test.reply", 2)
    assert of(bob.pk).get().count == 1
    assert_numbers_hold(ada)


def test_what_is_told_last_is_first_on_the_list_whether_it_is_new_or_folded(ada: User) -> None:
    notify([ada], "test.call", target="test:hall", room="hall")

    notify_all(
        [
            Notice([ada], "test.call", target="test:hall", data={"room": "hall"}),
            Notice([ada], "test.rumour", data={"rumour": "it rains"}),
            Notice([ada], "test.call", target="test:yard", data={"room": "yard"}),
        ]
    )

    rows = of(ada.pk).values_list("target", "count", "seq")
    assert list(rows) == [("test:yard", 1, 4), ("", 1, 3), ("test:hall", 2, 2)]


def test_many_notices_cost_the_queries_of_one(people: list[User]) -> None:
    notices = [
        Notice([person], "test.call", target=f"test:{person.username}", data={"room": "own"})
        for person in people
    ]
    costs = []
    notify_all(notices)
    for some in (notices[:1], notices):
        with CaptureQueriesContext(connection) as queries:
            assert notify_all(some) == len(some)
        costs.append(len(queries))
    assert costs[0] == costs[1]
    assert [of(person.pk).get().count for person in people] == [3, *[2] * (len(people) - 1)]


# Preferences


def test_nobody_is_told_of_a_kind_that_they_turned_off(ada: User, bob: User) -> None:
    actions.set_preference(ada, "test.noise", Level.NOTHING)

    assert notify([ada, bob], "test.noise") == 1
    assert notify([ada, bob], "test.call", room="hall") == 2


@pytest.mark.parametrize(
    ("level", "personal", "merely_there"),
    [(TargetLevel.EVERYTHING, 1, 1), (TargetLevel.MENTIONS, 1, 0), (TargetLevel.NOTHING, 0, 0)],
)
def test_a_target_is_heard_as_its_level_says(
    ada: User, level: str, personal: int, merely_there: int
) -> None:
    actions.set_target_preference(ada, "test:hall", level)

    assert notify([ada], "test.call", target="test:hall", room="hall") == personal
    assert notify([ada], "test.noise", target="test:hall") == merely_there


def test_a_kind_at_the_level_quiet_makes_quiet_rows(ada: User) -> None:
    notify([ada], "test.rumour", rumour="it rains")

    assert of(ada.pk).get().quiet


@pytest.mark.parametrize(
    ("choose", "name", "level", "code"),
    [
        (actions.set_preference, "test.call", "loudest", "invalid"),
        (actions.set_preference, "test.knock", "quiet", "not_found"),
        (actions.set_target_preference, "test:hall", "quiet", "invalid"),
        (actions.set_target_preference, "test:bob", "nothing", "not_found"),
        (actions.set_target_preference, "test:nowhere", "nothing", "not_found"),
        (actions.set_target_preference, "elsewhere", "nothing", "not_found"),
    ],
)
def test_a_choice_that_there_is_not_is_refused(
    ada: User, bob: User, choose: Callable[[User, str, str], None], name: str, level: str, code: str
) -> None:
    with pytest.raises(Refusal) as refused:
        choose(ada, name, level)

    assert refused.value.code == code


def test_a_target_out_of_reach_is_refused_in_the_words_for_one_that_does_not_exist(
    ada: User, bob: User
) -> None:
    details = set()
    for target in ("test:bob", "test:none"):
        with pytest.raises(Refusal) as refused:
            actions.set_target_preference(ada, target, "nothing")
        details.add(refused.value.detail.replace(target, "it"))

    assert len(details) == 1


# Viewing


def test_whoever_views_the_target_is_not_told(ada: User, bob: User) -> None:
    viewing = {(ada.pk, "test:hall")}
    hall = Notice([ada, bob], "test.call", target="test:hall", data={"room": "hall"})
    yard = Notice([ada], "test.call", target="test:yard", data={"room": "yard"})

    assert notify_all([hall], viewing) == 1
    assert notify_all([yard], viewing) == 1


@pytest.mark.django_db(transaction=True)
def test_who_views_the_target_is_asked_before_the_transaction_and_never_in_one(
    ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []

    def read_viewers(topics: Collection[str]) -> set[View]:
        asked.append(connection.in_atomic_block)
        return {(ada.pk, topic) for topic in topics}

    monkeypatch.setattr(viewing, "readers", [read_viewers])

    assert notify([ada], "test.call", target="test:hall", room="hall") == 0
    with transaction.atomic():
        assert notify([ada], "test.call", target="test:hall", room="hall") == 1
    assert asked == [False]
