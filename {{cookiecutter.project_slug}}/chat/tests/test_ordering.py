"""Many writers at once, on connections of their own: nothing lost, doubled or out of order."""

import itertools
import json
import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TypeVar

import pytest
from django.db import connection, transaction

from accounts.models import User
from chat import actions
from chat.models import Message, Room
from realtime.delivery import publishing
from realtime.delivery.hub import LayerMessage
from realtime.protocol import ErrorCode, Refusal

pytestmark = pytest.mark.django_db(transaction=True)

Result = TypeVar("Result")

PAUSE_SECONDS = 0.005  # SQLite lets a waiting writer in only when it happens to look
WRITERS = 8
MESSAGES_EACH = 12


class RolledBack(Exception):
    pass


class Committed:
    """The revisions of the events whose transactions were committed."""

    def __init__(self) -> None:
        self.revs: list[int] = []

    def take(self, group: str, message: LayerMessage) -> None:
        if message["type"] == "realtime.event":
            rev = json.loads(message["text"]).get("rev")
            if rev is not None:
                transaction.on_commit(partial(self.revs.append, rev))


@pytest.fixture
def committed(monkeypatch: pytest.MonkeyPatch) -> Committed:
    committed = Committed()
    monkeypatch.setattr(publishing, "_send_on_commit", committed.take)
    return committed


def together(functions: Sequence[Callable[[], Result]]) -> list[Result]:
    """Run the functions at the same time, each in a thread and on a connection of its own."""
    ready = threading.Barrier(len(functions))

    def run(function: Callable[[], Result]) -> Result:
        try:
            ready.wait()
            return function()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(functions)) as threads:
        return list(threads.map(run, functions))


def roll_back(work: Callable[[], object]) -> None:
    with suppress(RolledBack), transaction.atomic():
        work()
        raise RolledBack


def write(room: Room, author: User, writer: int) -> list[str]:
    """Post, edit and react; one transaction in ten is rolled back, one send in five retried."""
    chance = random.Random(writer)
    acknowledged = []
    for number in range(MESSAGES_EACH):
        post = partial(
            actions.post_message, room, author, body="Hello", client_id=f"{writer}-{number}"
        )
        if chance.random() < 0.1:
            roll_back(post)
        message = post()
        acknowledged.append(message.client_id)
        if chance.random() < 0.2:
            assert post().seq == message.seq
        if chance.random() < 0.2:
            actions.edit_message(room, author, seq=message.seq, body="Hello again")
        if chance.random() < 0.2:
            actions.toggle_reaction(room, author, seq=message.seq, emoji="👍")
    return acknowledged


def test_many_writers_lose_double_and_skip_nothing(
    ada: User, bob: User, public: Room, committed: Committed
) -> None:
    writers = [
        partial(write, public, author, writer)
        for writer, author in enumerate([ada, bob] * (WRITERS // 2))
    ]
    acknowledged = [client_id for each in together(writers) for client_id in each]
    stored = list(Message.objects.order_by("seq").values_list("client_id", flat=True))
    assert len(stored) == WRITERS * MESSAGES_EACH
    assert sorted(stored) == sorted(acknowledged)
    for writer in range(WRITERS):
        own = [int(each.split("-")[1]) for each in stored if each.startswith(f"{writer}-")]
        assert own == list(range(MESSAGES_EACH))
    public.refresh_from_db()
    assert sorted(committed.revs) == list(range(1, public.last_rev + 1))


def test_the_same_send_from_everywhere_is_one_message(
    ada: User, public: Room, committed: Committed
) -> None:
    post = partial(actions.post_message, public, ada, body="Hello", client_id="a1")
    messages = together([post] * WRITERS)
    assert len({message.seq for message in messages}) == 1
    assert Message.objects.count() == 1
    assert committed.revs == [1]


def test_batches_from_everywhere_share_one_run_of_numbers(
    ada: User, bob: User, public: Room, committed: Committed
) -> None:
    batches = [
        [actions.Draft(public, author.pk, f"{writer}-{n}", "Hello") for n in range(25)]
        for writer, author in enumerate([ada, bob] * 2)
    ]
    together([partial(actions.post_messages, batch) for batch in batches])
    assert list(Message.objects.values_list("seq", flat=True)) == list(range(1, 101))
    assert sorted(committed.revs) == list(range(1, 101))


def test_two_who_start_talking_at_once_meet_in_one_room(
    ada: User, bob: User, committed: Committed
) -> None:
    pairs = [(ada, bob), (bob, ada)] * (WRITERS // 2)
    rooms = together([partial(actions.start_direct, *pair) for pair in pairs])
    assert len(set(rooms)) == 1
    assert Room.objects.get().memberships.count() == 2


def test_rooms_of_one_name_made_at_once_are_all_made(ada: User, committed: Committed) -> None:
    together([partial(actions.create_room, ada, name="General")] * WRITERS)
    assert Room.objects.count() == WRITERS


def test_whoever_enters_through_many_doors_is_one_member(
    eve: User, public: Room, committed: Committed
) -> None:
    together([partial(actions.enter, public, eve)] * WRITERS)
    assert public.memberships.filter(user=eve).count() == 1


def test_nothing_is_said_after_removal(
    ada: User, bob: User, public: Room, committed: Committed
) -> None:
    def post_on() -> ErrorCode:
        for number in itertools.count():
            try:
                actions.post_message(public, bob, body="Hello", client_id=f"b{number}")
            except Refusal as refusal:
                return refusal.code
            time.sleep(PAUSE_SECONDS)
        raise AssertionError

    def remove() -> int:
        actions.remove_member(public, ada, bob)
        return Room.objects.get(pk=public.pk).last_rev

    refusal, last_rev = together([post_on, remove])
    assert refusal == ErrorCode.FORBIDDEN
    assert not Message.objects.filter(author=bob, seq__gt=last_rev).exists()
