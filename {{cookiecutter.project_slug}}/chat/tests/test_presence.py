"""Chat's rooms in presence: who sees whom, and from when to when."""

from collections.abc import Callable

import pytest

from accounts.models import User
from chat import actions
from chat.models import Room
from chat.tests.conftest import Asked, Loss
from chat.tests.test_hearing import noticing, people_in
from presence.actions import choose_visibility
from presence.consumers import PresenceConsumer
from presence.queries import rooms_of
from realtime.database import in_database
from realtime.delivery.engine import Engine, stop_engine, this_engine
from realtime.testing import Client, Json, connect

pytestmark = pytest.mark.django_db(transaction=True)

HERE = "/ws/presence/"
Notice = Callable[[Engine], None]


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


# What is lost on its way is made up for


@noticing
async def test_a_removal_that_is_lost_ends_what_is_heard_of_the_room(
    ada: User, bob: User, private: Room, lost: Loss, notice: Notice
) -> None:
    async with connect(HERE, bob) as client:
        await client.expect("welcome")
        assert "presence:engineering" in this_engine().hub.groups
        with lost():
            await in_database(actions.remove_member, private, ada, bob)
        notice(this_engine())
        assert await changed_rooms(client) == []
        assert "presence:engineering" not in this_engine().hub.groups


@noticing
async def test_a_direct_room_whose_beginning_is_lost_counts(
    ada: User, bob: User, lost: Loss, notice: Notice
) -> None:
    async with connect(HERE, bob) as client:
        await client.expect("welcome")
        with lost():
            room = await in_database(actions.start_direct, ada, bob)
        notice(this_engine())
        assert await changed_rooms(client) == [room.slug]


async def test_a_visibility_chosen_elsewhere_is_told(ada: User, lost: Loss) -> None:
    async with connect(HERE, ada) as client:
        await client.expect("welcome")
        with lost():
            await in_database(choose_visibility, ada.pk, hidden=True)
        await this_engine().check()
        assert (await client.expect("visibility.changed"))["data"] == {"hidden": True}


@pytest.mark.parametrize("sockets", [1, 200])
async def test_the_number_of_queries_does_not_grow_with_the_sockets(
    ada: User, public: Room, asked: Asked, sockets: int
) -> None:
    await people_in(public, sockets, {"presence": PresenceConsumer})
    assert len(this_engine().hub.subscribers("presence:general")) == sockets
    assert await asked.by_a_check() == 3  # one for rosters, two for their people
    assert len(this_engine().hub.subscribers("presence:general")) == sockets
    await stop_engine()
