"""The promise of every feed: nothing acknowledged is lost, doubled or out of order.

Hypothesis makes up what some devices do at the same time: they add, change and delete items, send
again, lose frames and connections, and come back. A ledger of the acknowledgements is the model:
in the end each device, and one that is new, has exactly what was acknowledged.

An app runs the story over a feed of its own:

    @the_story
    async def test_everyone_ends_with_what_was_acknowledged(ada: User, bob: User, rounds: Rounds):
        await play(FeedUnderTest(...), [ada, bob], rounds)
"""

import asyncio
import itertools
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest
from django.contrib.auth.models import AbstractUser
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from realtime.database import in_database
from realtime.feeds.models import Feed
from realtime.testing import Json, session_key_of
from realtime.tests.feed_devices import Device, FeedUnderTest, Frame

PAGE_ITEMS = 3  # so that few changes come in several frames

numbers = itertools.count(1)


class Ledger:
    """What was added, and the newest acknowledged state of each item, by client id."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.added: dict[str, str] = {}
        self.texts: dict[str, set[str]] = {}  # that an item was ever given
        self.items: dict[str, Json] = {}
        self.refused: set[str] = set()  # to be changed, as it was deleted

    def add(self, client_id: str, text: str) -> None:
        self.added[client_id] = text
        self.texts[client_id] = {text}

    def acknowledge(self, item: Json) -> None:
        name = item["client_id"]
        known = self.items.get(name, item)
        assert item["seq"] == known["seq"]
        if item["rev"] == known["rev"]:
            assert item == known
        if item["rev"] == item["seq"]:
            assert item[self._text] == self.added[name]
        elif item["deleted_at"] is None:
            assert item[self._text] in self.texts[name]
        self.items[name] = max(known, item, key=lambda each: each["rev"])

    def since(self, rev: int) -> dict[int, Json]:
        """All that changed after a revision, by `seq`."""
        return {each["seq"]: each for each in self.items.values() if each["rev"] > rev}

    def check(self) -> None:
        assert self.added.keys() == self.items.keys()
        assert len(self.since(0)) == len(self.items)
        assert all(self.items[name]["deleted_at"] for name in self.refused)


class Story:
    """Three devices of two people at one feed, and what each may do; `n` varies it."""

    def __init__(
        self, kind: FeedUnderTest, feed: Feed, people: Sequence[tuple[AbstractUser, str]]
    ) -> None:
        self.kind = kind
        self.feed = feed
        self.people = people
        self.ledger = Ledger(kind.text)
        self.devices = [Device(f"{n}", *each, kind, feed) for n, each in enumerate(people)]
        self._counts = {device.name: itertools.count(1) for device in self.devices}
        self._owners = {device.name: device.user for device in self.devices}

    async def add(self, device: Device, n: int) -> None:
        self._write(device, f"{device.name} says {n}")
        await self._deliver(device)

    async def add_unheard(self, device: Device, n: int) -> None:
        await self._deliver(device)
        self._write(device, f"{device.name} says {n}")
        await device.send_unheard()

    async def add_again(self, device: Device, n: int) -> None:
        """What any device of the same person has added; it may be on its way at this moment."""
        names = self._own(device, self.ledger.added)
        if names:
            name = names[n % len(names)]
            frame = self.kind.add(name, self.ledger.added[name])
            self.ledger.acknowledge((await device.ask(*frame))["data"])

    async def edit(self, device: Device, n: int) -> None:
        text = f"{device.name} means {n}"
        await self._change(device, n, lambda seq: self.kind.edit(seq, text), text)

    async def delete(self, device: Device, n: int) -> None:
        await self._change(device, n, self.kind.delete)

    async def change_otherwise(self, device: Device, n: int) -> None:
        for other in self.kind.others:
            await self._change(device, n, other)

    async def lose_frames(self, device: Device, n: int) -> None:
        device.losing = n

    async def hang_up(self, device: Device, n: int) -> None:
        await device.hang_up()

    async def catch_up(self, device: Device, n: int) -> None:
        await device.catch_up()

    async def forget(self, device: Device, n: int) -> None:
        await device.hang_up()
        device.begin(None)

    async def come_from_another_time(self, device: Device, n: int) -> None:
        await device.hang_up()
        device.epoch = "another"

    async def end(self) -> None:
        """All is acknowledged and caught up: the views and the ledger agree."""
        newcomer = Device("new", *self.people[0], self.kind, self.feed, since=0)
        for device in self.devices:
            await self._deliver(device)
        self.ledger.check()
        for device in [*self.devices, newcomer]:
            device.losing = 0
            await device.catch_up()
            assert device.since is not None
            assert device.view == self.ledger.since(device.since)
            await device.hang_up()
        for device in self.devices:
            names = [name for name in self.ledger.added if name.startswith(f"{device.name}-")]
            seqs = [self.ledger.items[name]["seq"] for name in names]
            assert seqs == sorted(seqs)

    def _write(self, device: Device, text: str) -> None:
        client_id = f"{device.name}-{next(self._counts[device.name])}"
        self.ledger.add(client_id, text)
        device.outbox[client_id] = text

    async def _deliver(self, device: Device) -> None:
        for item in await device.deliver():
            self.ledger.acknowledge(item)

    def _own(self, device: Device, names: dict[str, Any]) -> list[str]:  # Any: no matter what
        """Those of `names` that the device's person has given."""
        return [name for name in names if self._owners[name.partition("-")[0]] == device.user]

    async def _change(
        self, device: Device, n: int, change: Callable[[int], Frame], text: str | None = None
    ) -> None:
        """Change one of the acknowledged items of the device's person, if there is any."""
        names = self._own(device, self.ledger.items)
        if not names:
            return
        name = names[n % len(names)]
        if text is not None:
            self.ledger.texts[name].add(text)
        reply = await device.ask(*change(self.ledger.items[name]["seq"]))
        if reply["type"] == "error":
            assert reply["data"]["code"] == "conflict"
            self.ledger.refused.add(name)
        else:
            self.ledger.acknowledge(reply["data"])


Deed = Callable[[Story, Device, int], Coroutine[Any, Any, None]]
Rounds = list[tuple[list[tuple[Deed, int]], ...]]
"""In each, what each device does meanwhile."""

deeds: list[Deed] = [
    *[Story.add, Story.add_unheard, Story.add_again, Story.edit] * 2,
    *[Story.delete, Story.change_otherwise, Story.lose_frames, Story.hang_up, Story.catch_up],
    *[Story.forget, Story.come_from_another_time],
]
some = st.lists(st.tuples(st.sampled_from(deeds), st.integers(0, 9)), max_size=4)


Test = Callable[..., Coroutine[Any, Any, None]]


def the_story(test: Test) -> Test:
    """Run a test with many `rounds`; it wants transactions and sockets."""
    rounds = st.lists(st.tuples(some, some, some), min_size=2, max_size=5)
    given_rounds = given(rounds=rounds)(test)
    with_settings = settings(
        max_examples=12,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )(given_rounds)
    marked: Test = pytest.mark.django_db(transaction=True)(with_settings)
    return marked


async def play(kind: FeedUnderTest, people: Sequence[AbstractUser], rounds: Rounds) -> None:
    """Let two people with three devices act their rounds on a new feed, and compare in the end."""
    feed = await in_database(kind.make, people[0], next(numbers))
    sessions = [(each, await in_database(session_key_of, each)) for each in people]
    story = Story(kind, feed, [sessions[0], *sessions])

    async def act(device: Device, does: list[tuple[Deed, int]]) -> None:
        for deed, n in does:
            await deed(story, device, n)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kind.consumer, "page_items", PAGE_ITEMS)
        try:
            for each in rounds:
                async with asyncio.TaskGroup() as together:
                    for device, does in zip(story.devices, each, strict=True):
                        together.create_task(act(device, does))
            await story.end()
        finally:
            for device in story.devices:
                await device.hang_up()
