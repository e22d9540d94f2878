"""What sockets hear is what their people may hear, though the layer loses what tells them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest
import pytest_asyncio
from django.contrib.sessions.models import Session
from django.utils import timezone

from accounts.models import User
from chat import actions
from chat.consumers import ChatConsumer, RoomListConsumer
from chat.models import Membership, Room
from chat.tests.conftest import Asked, Loss, Say
from realtime.consumers import Consumer
from realtime.database import in_database
from realtime.delivery.engine import Engine, stop_engine, this_engine
from realtime.delivery.socket import Socket
from realtime.testing import Client, connect
from realtime.tests.wires import until
from realtime.transports.multiplex import TopicSession

pytestmark = pytest.mark.django_db(transaction=True)

TOPICS = ("chat", "chat:engineering", "chat:general")


@pytest_asyncio.fixture(autouse=True)
async def _ends() -> AsyncIterator[None]:
    yield
    await stop_engine()


def gap(engine: Engine) -> None:
    """The hub has found that the layer lost messages."""
    engine.hub._on_gap()


def period(engine: Engine) -> None:
    """The time has come to check."""
    engine._check.due_at = 0.0
    engine._due.set()


noticing = pytest.mark.parametrize("notice", [gap, period])


async def joined(client: Client) -> None:
    """Join everything on a shared socket."""
    for topic in TOPICS:
        assert (await client.send("join", topic=topic))["type"] == "ok"
    client.skipped.clear()


async def nothing_of(client: Client, topic: str) -> bool:
    """Whether nothing of a topic has come, nor comes before an answer."""
    await client.send("anything", topic="chat")
    return all(frame["topic"] != topic for frame in client.skipped)


@noticing
async def test_a_removal_that_is_lost_is_made_up_for(
    ada: User, bob: User, private: Room, public: Room, say: Say, lost: Loss, notice: Any
) -> None:
    async with connect("/ws/", bob) as shared, connect("/ws/chat/engineering/", bob) as own:
        await joined(shared)
        await own.expect("welcome")
        with lost():
            await in_database(actions.remove_member, private, ada, bob)
        notice(this_engine())
        left = await shared.expect("left")
        assert (left["topic"], left["data"]["code"]) == ("chat:engineering", 4403)
        assert await own.closed() == 4403
        assert (await shared.expect("rooms.changed"))["topic"] == "chat"
        shared.skipped.clear()
        await in_database(say, private, ada, "Not for bob")
        await in_database(say, public, ada)
        await shared.expect("message.created")
        assert await nothing_of(shared, "chat:engineering")


@noticing
async def test_a_deleted_room_whose_end_is_lost_is_not_found(
    ada: User, bob: User, private: Room, public: Room, lost: Loss, notice: Any
) -> None:
    async with connect("/ws/", bob) as shared:
        await joined(shared)
        with lost():
            await in_database(actions.delete_room, private)
        notice(this_engine())
        left = await shared.expect("left")
        assert (left["topic"], left["data"]["code"]) == ("chat:engineering", 4404)


@noticing
async def test_a_direct_room_whose_beginning_is_lost_is_announced(
    ada: User, bob: User, private: Room, public: Room, say: Say, lost: Loss, notice: Any
) -> None:
    async with connect("/ws/", bob) as client:
        await joined(client)
        with lost():
            room = await in_database(actions.start_direct, ada, bob)
        notice(this_engine())
        assert (await client.expect("rooms.changed"))["topic"] == "chat"
        client.skipped.clear()
        await client.send("join", topic="chat")
        welcome = await client.expect("welcome")
        assert room.slug in [each["slug"] for each in welcome["data"]["rooms"]]
        await in_database(say, room, ada)
        assert (await client.expect("message.created"))["topic"] == f"chat:{room.slug}"


async def test_a_change_of_rooms_is_told_once(
    ada: User, bob: User, private: Room, public: Room, lost: Loss
) -> None:
    async with connect("/ws/chat/", bob) as client:
        await client.expect("welcome")
        with lost():
            await in_database(actions.start_direct, ada, bob)
        for _ in range(3):
            await this_engine().check()
        await client.send("anything")
        assert [frame["type"] for frame in client.skipped].count("rooms.changed") == 1


async def test_a_list_longer_than_what_is_shown_is_compared_too(
    ada: User, bob: User, private: Room, public: Room, lost: Loss, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.consumers.ROOMS_LISTED", 1)
    async with connect("/ws/chat/", bob) as client:
        await client.expect("welcome")
        await this_engine().check()
        await client.send("anything")
        assert client.skipped == []
        with lost():
            await in_database(actions.start_direct, ada, bob)
        await this_engine().check()
        await client.expect("rooms.changed")


def deactivated(user: User) -> None:
    user.is_active = False
    user.save()


def with_another_password(user: User) -> None:
    user.set_password("another")
    user.save()


def signed_out(user: User) -> None:
    Session.objects.all().delete()


def expired(user: User) -> None:
    Session.objects.update(expire_date=timezone.now())


@noticing
@pytest.mark.parametrize("end", [deactivated, with_another_password, signed_out, expired])
async def test_the_end_of_a_sign_in_that_is_lost_is_made_up_for(
    bob: User, private: Room, lost: Loss, notice: Any, end: Callable[[User], None]
) -> None:
    paths = ("/ws/", "/ws/chat/engineering/")
    async with connect(paths[0], bob) as shared, connect(paths[1], bob) as own:
        await shared.send("join", topic="chat")
        await own.expect("welcome")
        with lost():
            await in_database(end, bob)
        notice(this_engine())
        assert [await shared.closed(), await own.closed()] == [4401, 4401]


async def test_whoever_joins_across_a_gap_is_compared_afterwards(
    ada: User, bob: User, private: Room, lost: Loss, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may have read that they are in, before a removal that was lost."""
    admitted, may_go_on = asyncio.Event(), asyncio.Event()
    join = ChatConsumer.join

    async def slow_join(consumer: ChatConsumer) -> None:
        await join(consumer)
        admitted.set()
        await may_go_on.wait()

    monkeypatch.setattr(ChatConsumer, "join", slow_join)
    async with connect("/ws/chat/engineering/", bob) as client:
        await admitted.wait()
        with lost():
            await in_database(actions.remove_member, private, ada, bob)
        engine = this_engine()
        gap(engine)
        await until(lambda: engine._check.due_at)  # the check has begun, or is over
        await in_database(lambda: None)
        assert this_engine().hub.subscribers("chat:engineering")
        may_go_on.set()
        assert await client.closed() == 4403


# How much it asks


async def nowhere(message: object) -> None: ...


async def people_in(
    room: Room, count: int, classes: Mapping[str, type[Consumer]] | None = None
) -> None:
    """Let new members of a room be on some topics, chat's by default, on a socket for each."""

    def make() -> list[User]:
        people = [User(username=f"p{n}", email=f"p{n}@example.com") for n in range(count)]
        User.objects.bulk_create(people)
        Membership.objects.bulk_create([Membership(room=room, user=each) for each in people])
        return people

    classes = classes or {room.topic: ChatConsumer, "chat": RoomListConsumer}
    async with asyncio.TaskGroup() as joining:
        for person in await in_database(make):
            socket = Socket(nowhere)
            for name, cls in classes.items():
                scope = {"user": person, "url_route": {"kwargs": {"slug": room.slug}}}
                joining.create_task(cls(scope, TopicSession(name, "1", socket, joining))._join())


@pytest.mark.parametrize("sockets", [1, 10, 200])
async def test_the_number_of_queries_does_not_grow_with_the_sockets(
    ada: User, public: Room, asked: Asked, sockets: int
) -> None:
    engine = this_engine()
    await people_in(public, sockets)
    heard = {group: len(engine.hub.subscribers(group)) for group in engine.hub.groups}
    assert heard["chat:general"] == 2 * sockets
    assert await asked.by_a_check() == 2  # one for rooms, one for all lists
    assert heard == {group: len(engine.hub.subscribers(group)) for group in engine.hub.groups}
    await stop_engine()


async def test_many_sockets_are_compared_in_parts(
    ada: User, public: Room, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime.delivery.hearing.READ_PAIRS", 4)
    monkeypatch.setattr("realtime.delivery.hearing.READ_SUBSCRIBERS", 5)
    engine = this_engine()
    await people_in(public, 10)
    assert await asked.by_a_check() == 5 + 2
    await in_database(Membership.objects.filter(user__username="p7").delete)
    await engine.check()
    assert len(engine.hub.subscribers("chat:general")) == 18
    await stop_engine()
