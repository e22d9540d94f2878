"""A batch of many people in many rooms reads and locks the rows of its items, not of every pair."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db.models import Model
from django.db.models.signals import post_init
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from chat import actions
from chat.consumers import ChatConsumer
from chat.models import Membership, Message, Room
from chat.tests.conftest import Say
from realtime.feeds.consumer import Guest

pytestmark = pytest.mark.django_db


@pytest.fixture
def rooms(ada: User, bob: User, eve: User, say: Say) -> list[Room]:
    """Three rooms with all three people and three messages."""
    rooms = [actions.create_room(ada, name=f"Room {number}") for number in range(3)]
    for room in rooms:
        actions.enter(room, bob)
        actions.enter(room, eve)
        for _ in range(3):
            say(room, ada)
    return rooms


@contextmanager
def rows_read(model: type[Model], *fields: str) -> Iterator[set[tuple[object, ...]]]:
    read: set[tuple[object, ...]] = set()

    def note(instance: Model, **kwargs: Any) -> None:  # Any: a signal's
        if instance.pk is not None:
            read.add(tuple(getattr(instance, field) for field in fields))

    post_init.connect(note, model)
    try:
        yield read
    finally:
        post_init.disconnect(note, model)


def test_places_that_move(
    ada: User,
    bob: User,
    eve: User,
    rooms: list[Room],
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    pairs = [(room.pk, user.pk) for room, user in zip(rooms, (ada, bob, eve), strict=True)]
    readings = [actions.Reading(*pair, seq) for pair, seq in zip(pairs, (1, 2, 3), strict=True)]
    with (
        rows_read(Membership, "room_id", "user_id") as read,
        django_assert_max_num_queries(5),
    ):
        actions.mark_readings(readings)
    assert read == set(pairs)
    assert [Membership.objects.get(room=room, user=user).last_read for room, user in pairs] == [
        *(1, 2, 3)
    ]


def test_people_who_join(
    ada: User, bob: User, eve: User, rooms: list[Room], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ChatConsumer, "read_for_crowd", lambda *_: ([], 0))
    guests = [Guest(room, user) for room, user in zip(rooms, (ada, bob, eve), strict=True)]
    with rows_read(Membership, "room_id", "user_id") as read:
        ChatConsumer.admit(guests)
    assert read == {(guest.feed.pk, guest.user.pk) for guest in guests}


def test_messages_that_answer_and_mention(
    ada: User, bob: User, eve: User, rooms: list[Room]
) -> None:
    people = [ada, bob, eve]
    drafts = [
        actions.Draft(room, author.pk, "a", f"@{named.username}", reply_to=seq)
        for room, author, named, seq in zip(rooms, people, [bob, eve, ada], (1, 2, 3), strict=True)
    ]
    with (
        rows_read(Membership, "room_id", "user_id") as members,
        rows_read(Message, "room_id", "seq") as messages,
    ):
        actions.post_messages(drafts)
    first, second, third = (room.pk for room in rooms)
    assert members == {
        *((first, ada.pk), (first, bob.pk)),
        *((second, bob.pk), (second, eve.pk)),
        *((third, eve.pk), (third, ada.pk)),
    }
    assert messages == {(first, 1), (second, 2), (third, 3)}
