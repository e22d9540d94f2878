"""Many writers at once: no number is lost, doubled or left out."""

import asyncio
import json
import random
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from django.db import connections, transaction

from accounts.models import User
from notifications import actions
from notifications.actions import Notice, notify, notify_all
from notifications.models import Inbox, Notification
from notifications.queries import of, told
from notifications.tests.conftest import assert_numbers_hold
from notifications.tests.replica import Replica
from realtime.database import in_database
from realtime.delivery import publishing
from realtime.delivery.hub import LayerMessage
from realtime.protocol import Refusal
from realtime.testing import connect

pytestmark = pytest.mark.django_db(transaction=True)

WRITERS = 4
STEPS = 10
SEED = 7


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> dict[int, list[int]]:
    """The numbers that were published, by person."""
    revs: dict[int, list[int]] = defaultdict(list)

    def keep(group: str, message: LayerMessage) -> None:
        for whom, text in message.get("events") or [(group, message["text"])]:
            revs[int(whom.partition(":")[2])].append(json.loads(text)["rev"])

    monkeypatch.setattr(publishing, "_send", keep)
    return revs


def write_at_random(people: list[User], number: int) -> None:
    """One writer: tells, retells, takes back, reads, deletes, and now and then rolls back."""
    chance = random.Random(SEED * 100 + number)
    try:
        for step in range(STEPS):
            with transaction.atomic():
                one_step(chance, people, f"{number}.{step}")
                if chance.random() < 0.1:
                    transaction.set_rollback(True)
    finally:
        connections.close_all()


def one_step(chance: random.Random, people: list[User], rumour: str) -> None:
    some = chance.sample(people, k=3)
    key = chance.choice("123")
    match chance.randrange(10):
        case 0:
            actions.mark_all_read(some[0])
        case 1:
            actions.mark_target_read(some[0], "test:hall")
        case 2 | 3:
            row = of(some[0].pk).order_by("?").first()
            if row is not None:
                action = chance.choice([actions.mark_read, actions.delete])
                with suppress(Refusal):  # another writer deleted it first
                    action(some[0], row.pk)
        case 4 | 5:
            notify_all(
                [
                    Notice(some, "test.rumour", data={"rumour": rumour}),
                    Notice(some[::-1], "test.call", target="test:hall", data={"room": "hall"}),
                ]
            )
        case 6:
            actions.retract(told(target="test:hall", key=key))
        case 7:
            actions.retell(told(target="test:hall", key=key), room=rumour)
        case _:
            notify(some, "test.call", target="test:hall", key=key, room="hall")


def in_threads(work: Callable[[list[User], int], None], people: list[User]) -> None:
    with ThreadPoolExecutor(WRITERS) as threads:
        for done in [threads.submit(work, people, number) for number in range(WRITERS)]:
            done.result()


def test_writers_at_once_give_each_number_once(
    people: list[User], published: dict[int, list[int]]
) -> None:
    in_threads(write_at_random, people)

    for person in people:
        head = Inbox.objects.get(user=person).last_rev
        assert sorted(published[person.pk]) == list(range(1, head + 1))
        assert_numbers_hold(person)


def test_folding_at_once_loses_no_count(people: list[User]) -> None:
    def call(people: list[User], number: int) -> None:
        try:
            for _ in range(5):
                notify(people, "test.call", target="test:hall", room="hall")
        finally:
            connections.close_all()

    in_threads(call, people)

    counts = Notification.objects.values_list("count", flat=True)
    assert list(counts) == [WRITERS * 5] * len(people)


def test_somebody_deleted_meanwhile_fails_nobody(people: list[User]) -> None:
    def delete_or_tell(people: list[User], number: int) -> None:
        try:
            if number == 0:
                for person in people[:4]:
                    User.objects.get(pk=person.pk).delete()
            else:
                for _ in range(5):
                    notify(people, "test.rumour", rumour="it rains")
        finally:
            connections.close_all()

    in_threads(delete_or_tell, people)

    assert set(Notification.objects.values_list("recipient", flat=True)) == {
        person.pk for person in people[4:]
    }


async def test_a_client_that_comes_and_goes_ends_up_with_what_the_database_has(
    people: list[User],
) -> None:
    person, replica = people[0], Replica()
    await come_by(person, replica)
    writing = asyncio.gather(
        *(in_database(write_at_random, people[:3], number) for number in range(WRITERS))
    )

    while not writing.done():
        await come_by(person, replica)
    await writing
    await come_by(person, replica)

    inbox = await in_database(Inbox.objects.get, user=person)
    rows = {row.pk: row for row in await in_database(list, of(person.pk))}
    assert (replica.rev, replica.unread) == (inbox.last_rev, inbox.unread)
    assert {pk: (row["count"], row["text"]) for pk, row in replica.rows.items()} == {
        pk: (row.count, row.text) for pk, row in rows.items()
    }
    await in_database(assert_numbers_hold, person)
    assert {pk for pk, row in replica.rows.items() if not row["read_at"]} == {
        pk for pk, row in rows.items() if row.read_at is None
    }


async def come_by(person: User, replica: Replica) -> None:
    """Connect, resume, hear what there is to hear for a moment, and go."""
    place: dict[str, Any] = {}  # Any: a number and a text
    if replica.epoch:
        place = {"since": replica.rev, "epoch": replica.epoch}
    async with connect("/ws/notifications/", person, **place) as client:
        for _ in range(3):
            await client.send("list", {"limit": 1})
        for frame in client.skipped:
            replica.take(frame)
