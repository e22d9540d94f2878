"""Chat's rooms in presence: who sees whom, and from when to when."""

import pytest

from accounts.models import User
from chat import actions
from chat.models import Room
from presence.queries import rooms_of
from realtime.database import in_database
from realtime.testing import Client, Json, connect

pytestmark = pytest.mark.django_db(transaction=True)

HERE = "/ws/presence/"


def rooms_in(frame: Json) -> list[str]:
    return [room["room"] for room in frame["data"]["rooms"]]


async def changed_rooms(client: Client) -> list[str]:
    """The rooms that a client is counted in, once it has heard that they are others."""
    await client.expect("rooms.changed")
    return rooms_in(await client.send("rooms"))


def test_the_rooms_of_presence_are_the_rooms_of_chat(
    ada: User, bob: User, eve: User, public: Room, private: Room
) -> None:
    assert rooms_of([ada.pk, bob.pk, eve.pk]) == {
        ada.pk: ["engineering", "general"],
        bob.pk: ["engineering", "general"],
    }


async def test_whoever_enters_a_room_is_there_at_once(ada: User, eve: User, public: Room) -> None:
    async with connect(HERE, eve) as client:
        assert rooms_in(await client.expect("welcome")) == []
        await in_database(actions.enter, public, eve)
        assert await changed_rooms(client) == ["general"]
        page = await client.send("roster", {"room": "general"})

    assert [person["id"] for person in page["data"]["people"]] == [eve.pk]


async def test_a_new_direct_conversation_makes_two_people_visible_to_each_other(
    ada: User, eve: User
) -> None:
    async with connect(HERE, ada) as one, connect(HERE, eve) as two:
        await one.expect("welcome")
        await two.expect("welcome")
        room = await in_database(actions.start_direct, ada, eve)
        assert await changed_rooms(one) == await changed_rooms(two) == [room.slug]
        reply = await one.send("people", {"ids": [eve.pk]})

    assert reply["data"]["people"][0]["state"] == "online"


async def test_whoever_leaves_a_room_is_there_no_longer(ada: User, bob: User, public: Room) -> None:
    async with connect(HERE, bob) as client:
        assert rooms_in(await client.expect("welcome")) == ["general"]
        await in_database(actions.leave_room, public, bob)
        assert await changed_rooms(client) == []
        refused = await client.send("roster", {"room": "general"})

    assert refused["data"]["code"] == "forbidden"


async def test_a_deleted_room_has_nobody(ada: User, bob: User, public: Room) -> None:
    async with connect(HERE, bob) as client:
        await client.expect("welcome")
        await in_database(actions.delete_room, public)
        assert await changed_rooms(client) == []


@pytest.mark.parametrize("room", ["engineering", "nowhere"])
async def test_the_roster_of_a_room_that_one_is_not_in_is_refused(
    eve: User, private: Room, room: str
) -> None:
    async with connect(HERE, eve) as client:
        refused = await client.send("roster", {"room": room})

    assert refused["data"]["code"] == "forbidden"
