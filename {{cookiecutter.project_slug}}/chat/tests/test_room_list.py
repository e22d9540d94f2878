"""The socket of a person's list of rooms."""

from typing import Any

import pytest

from accounts.models import User
from chat import actions
from chat.models import Room
from chat.tests.conftest import Say
from realtime.database import in_database
from realtime.testing import Client, connect

pytestmark = pytest.mark.django_db(transaction=True)

ROOMS = "/ws/chat/"
Json = dict[str, Any]  # Any: JSON


async def quiet(client: Client) -> list[Json]:
    """What the client heard until now, apart from answers to itself."""
    await client.send("anything")  # refused, and behind everything that was sent before
    return [frame for frame in client.skipped if frame["type"] not in ("error", "heartbeat")]


async def test_the_welcome_lists_ones_rooms(
    ada: User, bob: User, public: Room, private: Room, say: Say
) -> None:
    message = await in_database(say, public, bob, "Hello @ada")
    async with connect(ROOMS, ada) as client:
        welcome = await client.receive()
    first, second = welcome["data"]["rooms"]
    assert (welcome["topic"], welcome["type"]) == ("chat", "welcome")
    assert first == {
        "slug": "general",
        "name": "General",
        "kind": "public",
        "rev": 1,
        "unread": 1,
        "mentioned": True,
        "last_message": {
            "author": bob.as_person(),
            "body": "Hello @ada",
            "created_at": message.created_at.isoformat().replace("+00:00", "Z"),
        },
        "person": None,
    }
    assert (second["slug"], second["last_message"]) == ("engineering", None)


async def test_the_events_of_all_rooms_arrive(
    ada: User, bob: User, public: Room, private: Room, say: Say
) -> None:
    async with connect(ROOMS, ada) as client:
        await client.expect("welcome")
        for room in (public, private):
            await in_database(say, room, bob)
            event = await client.expect("message.created")
            assert (event["topic"], event["rev"]) == (room.topic, 1)


async def test_a_room_one_comes_to_is_announced(ada: User, bob: User, eve: User) -> None:
    async with connect(ROOMS, bob) as client:
        await client.expect("welcome")
        await in_database(actions.start_direct, ada, bob)
        assert (await client.expect("rooms.changed"))["topic"] == "chat"


async def test_an_invitation_is_announced(ada: User, eve: User, private: Room) -> None:
    async with connect(ROOMS, eve) as client:
        await client.expect("welcome")
        await in_database(actions.invite, private, ada, eve)
        await client.expect("rooms.changed")


async def test_a_room_one_is_removed_from_falls_silent_and_the_list_stays(
    ada: User, bob: User, public: Room, private: Room, say: Say
) -> None:
    async with connect(ROOMS, bob) as client:
        await client.expect("welcome")
        await in_database(actions.remove_member, private, ada, bob)
        await client.expect("rooms.changed")
        client.skipped.clear()
        await in_database(say, private, ada, "Not for bob")
        await in_database(say, public, ada)
        assert (await client.expect("message.created"))["topic"] == "chat:general"
        assert [frame["topic"] for frame in await quiet(client)] == []


async def test_others_rooms_are_not_heard(
    ada: User, eve: User, private: Room, say: Say, public: Room
) -> None:
    await in_database(actions.enter, public, eve)
    async with connect(ROOMS, eve) as client:
        await client.expect("welcome")
        await in_database(say, private, ada)
        await in_database(say, public, ada)
        assert (await client.expect("message.created"))["topic"] == "chat:general"
        assert await quiet(client) == []


async def test_beside_a_room_on_one_socket_each_event_comes_once(
    ada: User, bob: User, public: Room, say: Say
) -> None:
    async with connect("/ws/", ada) as client:
        for topic in ("chat", "chat:general"):
            await client.send("join", {}, topic=topic)
        await in_database(say, public, bob)
        await in_database(say, public, bob)
        events = [(await client.expect("message.created"))["rev"] for _ in range(2)]
        assert events == [1, 2]
        reply = await client.send("read", {"seq": 2}, topic="chat:general")
        assert reply["data"] == {"seq": 2}


async def test_removal_takes_the_room_off_a_shared_socket_and_leaves_the_list(
    ada: User, bob: User, public: Room, private: Room, say: Say
) -> None:
    async with connect("/ws/", bob) as client:
        for topic in ("chat", "chat:engineering"):
            await client.send("join", {}, topic=topic)
        await in_database(actions.remove_member, private, ada, bob)
        left = await client.expect("left")
        assert (left["topic"], left["data"]["code"]) == ("chat:engineering", 4403)
        await client.expect("rooms.changed")
        await in_database(say, private, ada)
        await in_database(say, public, ada)
        assert (await client.expect("message.created"))["topic"] == "chat:general"
        assert (await client.send("join", {}, topic="chat"))["type"] == "ok"
