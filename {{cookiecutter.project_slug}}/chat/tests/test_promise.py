"""Nothing acknowledged is lost, doubled or out of order, whatever people and connections do.

Hypothesis makes up what some devices do at the same time: they write, change and take back, send
again, lose frames and connections, and come back. A ledger of the acknowledgements is the model:
in the end each device, and one that comes anew, has exactly what was acknowledged.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import User
from chat import actions
from chat.consumers import ChatConsumer
from chat.models import Room
from chat.tests.devices import Device, Json
from realtime.database import in_database
from realtime.testing import session_key_of

pytestmark = pytest.mark.django_db(transaction=True)

Name = tuple[str, str]  # a message's: (username, client id)
numbers = itertools.count(1)


class Ledger:
    """What was said, and the newest acknowledged state of each message."""

    def __init__(self) -> None:
        self.said: dict[Name, str] = {}
        self.messages: dict[Name, Json] = {}
        self.refused: set[Name] = set()  # to be changed, as it was deleted

    def acknowledge(self, message: Json) -> None:
        name = (message["author"]["username"], message["client_id"])
        known = self.messages.get(name, message)
        assert message["seq"] == known["seq"]
        if message["rev"] == known["rev"]:
            assert message == known
        if message["edited_at"] is None and message["deleted_at"] is None:
            assert message["body"] == self.said[name]
        self.messages[name] = max(known, message, key=lambda each: each["rev"])

    def own(self, user: User, n: int) -> tuple[Name, Json] | None:
        """One of the acknowledged messages of a person, if there is any."""
        own = [(name, each) for name, each in self.messages.items() if name[0] == user.username]
        return own[n % len(own)] if own else None

    def since(self, rev: int) -> dict[int, Json]:
        """All that changed after a revision, by `seq`."""
        return {each["seq"]: each for each in self.messages.values() if each["rev"] > rev}

    def check(self) -> None:
        assert self.said.keys() == self.messages.keys()
        assert len(self.since(0)) == len(self.messages)
        assert all(self.messages[name]["deleted_at"] for name in self.refused)


class Story:
    """Three devices of two people in one room, and what each may do; `n` varies it."""

    def __init__(self, room: Room, people: Sequence[tuple[User, str]]) -> None:
        self.room = room
        self.people = people
        self.ledger = Ledger()
        self.devices = [Device(f"{n}", *each, room) for n, each in enumerate(people)]
        self.said = {device.name: itertools.count(1) for device in self.devices}

    async def say(self, device: Device, n: int) -> None:
        self._write(device, f"{device.name} says {n}")
        await self._deliver(device)

    async def say_unheard(self, device: Device, n: int) -> None:
        await self._deliver(device)
        self._write(device, f"{device.name} says {n}")
        await device.send_unheard()

    async def say_again(self, device: Device, n: int) -> None:
        """What any device of the same person has said; it may be on its way at this moment."""
        said = [name for name in self.ledger.said if name[0] == device.user.username]
        if said:
            name = said[n % len(said)]
            data = {"client_id": name[1], "body": self.ledger.said[name]}
            self.ledger.acknowledge((await device.ask("message.send", **data))["data"])

    async def edit(self, device: Device, n: int) -> None:
        await self._change(device, n, "message.edit", body=f"{device.name} means {n}")

    async def delete(self, device: Device, n: int) -> None:
        await self._change(device, n, "message.delete")

    async def react(self, device: Device, n: int) -> None:
        await self._change(device, n, "reaction.toggle", emoji="👍")

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
        newcomer = Device("new", *self.people[0], self.room, since=0)
        for device in self.devices:
            await self._deliver(device)
        self.ledger.check()
        for device in [*self.devices, newcomer]:
            device.losing = 0
            await device.catch_up()
            assert device.since is not None
            assert device.view == self.ledger.since(device.since)
            await device.hang_up()
        self._check_order()

    def _check_order(self) -> None:
        for device in self.devices:
            seqs = [
                self.ledger.messages[name]["seq"]
                for name in self.ledger.said
                if name[1].startswith(f"{device.name}-")
            ]
            assert seqs == sorted(seqs)

    def _write(self, device: Device, body: str) -> None:
        client_id = f"{device.name}-{next(self.said[device.name])}"
        self.ledger.said[device.user.username, client_id] = body
        device.outbox[client_id] = body

    async def _deliver(self, device: Device) -> None:
        for message in await device.deliver():
            self.ledger.acknowledge(message)

    async def _change(self, device: Device, n: int, type: str, **data: str) -> None:
        own = self.ledger.own(device.user, n)
        if own is None:
            return
        name, message = own
        reply = await device.ask(type, seq=message["seq"], **data)
        if reply["type"] == "error":
            assert reply["data"]["code"] == "conflict"
            self.ledger.refused.add(name)
        else:
            self.ledger.acknowledge(reply["data"])


Deed = Callable[[Story, Device, int], Awaitable[None]]
deeds: list[Deed] = [
    *[Story.say, Story.say_unheard, Story.say_again, Story.edit] * 2,
    *[Story.delete, Story.react, Story.lose_frames, Story.hang_up, Story.catch_up],
    *[Story.forget, Story.come_from_another_time],
]
some = st.lists(st.tuples(st.sampled_from(deeds), st.integers(0, 9)), max_size=4)
rounds = st.lists(st.tuples(some, some, some), min_size=2, max_size=5)


@settings(
    max_examples=12,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(rounds=rounds)
async def test_everyone_ends_with_exactly_what_was_acknowledged(
    ada: User,
    bob: User,
    monkeypatch: pytest.MonkeyPatch,
    rounds: list[tuple[list[tuple[Deed, int]], ...]],
) -> None:
    monkeypatch.setattr(ChatConsumer, "page_items", 3)
    room = await in_database(actions.create_room, ada, name=f"Room {next(numbers)}")
    people = [(each, await in_database(session_key_of, each)) for each in (ada, bob)]
    story = Story(room, [people[0], *people])

    async def act(device: Device, does: list[tuple[Deed, int]]) -> None:
        for deed, n in does:
            await deed(story, device, n)

    try:
        for each in rounds:
            async with asyncio.TaskGroup() as together:
                for device, does in zip(story.devices, each, strict=True):
                    together.create_task(act(device, does))
        await story.end()
    finally:
        for device in story.devices:
            await device.hang_up()
