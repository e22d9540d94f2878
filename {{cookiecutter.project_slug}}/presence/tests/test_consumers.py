"""What a client of presence sees."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import transaction
from msgspec.structs import replace

from accounts.models import User
from presence import consumers
from presence.actions import choose_visibility, room_left, rooms_changed
from presence.frames import RoomHere
from presence.models import Presence
from presence.running import RosterTopic, this_attendance
from presence.stores import Roster, State
from presence.tests.places import Places, Watcher, connect_presence
from presence.tests.subjects import visit
from realtime.database import in_database
from realtime.testing import Json
from realtime.viewing import View, viewers

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("either_store")]


@pytest.fixture(autouse=True)
def hall(places: Places, ada: User, bob: User) -> None:
    places.put("hall", ada.pk, bob.pk)


async def changed(client: Watcher, topic: str = "presence:hall") -> Json:
    """The next change of a room that `client` hears of."""
    event = await client.expect("presence.changed")
    assert event["topic"] == topic
    return event


async def until_left(client: Watcher, user: User) -> Json:
    """Skip changes until the one that tells that `user` left."""
    while not (left := (event := await changed(client))["data"]["left"]):
        pass
    assert [person["id"] for person in left] == [user.pk]
    return event


def ids(people: list[Json]) -> list[int]:
    return [person["id"] for person in people]


def frames_naming(user: User, frames: list[Json]) -> list[Json]:
    """The frames of others' presence that have `user` in them."""

    def names(data: Any) -> bool:  # Any: JSON
        if isinstance(data, dict):
            return data.get("id") == user.pk or any(names(value) for value in data.values())
        if isinstance(data, list):
            return user.pk in data or any(names(value) for value in data)
        return False

    return [frame for frame in frames if names(frame["data"])]


async def test_whoever_connects_is_here_for_those_who_share_a_room(ada: User, bob: User) -> None:
    async with connect_presence("/ws/presence/", ada) as one:
        (before,) = (await one.expect("welcome"))["data"]["rooms"]
        async with connect_presence("/ws/presence/", bob) as two:
            welcome = await two.expect("welcome")
            while bob.pk not in ids((event := await changed(one))["data"]["joined"]):
                pass

    assert welcome["topic"] == "presence"
    assert welcome["data"]["you"] == {"hidden": False}
    (room,) = welcome["data"]["rooms"]
    assert (room["room"], room["size"], room["more"]) == ("hall", 2, False)
    assert (sorted(room["online"]), room["away"]) == ([ada.pk, bob.pk], [])
    assert event["rev"] > before["rev"]
    assert event["data"]["size"] == 2
    assert bob.as_person() in event["data"]["joined"]


async def test_every_change_is_an_event_with_the_next_revision(ada: User, bob: User) -> None:
    async with connect_presence("/ws/presence/", ada) as one:
        (room,) = (await one.expect("welcome"))["data"]["rooms"]
        events = [await changed(one)]
        async with connect_presence("/ws/presence/", bob, state="away") as two:
            events.append(await changed(one))
            await two.send("state", {"state": "online"})
            events.append(await changed(one))
            roster = await one.send("roster", {"room": "hall"})
        events.append(await until_left(one, bob))

    assert [event["rev"] for event in events] == [room["rev"] + step for step in range(1, 5)]
    assert events[1]["data"]["away"] == events[2]["data"]["joined"] == [bob.as_person()]
    assert roster["data"]["rev"] == events[2]["rev"]


async def test_whoever_leaves_was_last_seen_then(ada: User, bob: User) -> None:
    async with connect_presence("/ws/presence/", ada) as one:
        async with connect_presence("/ws/presence/", bob) as two:
            await two.expect("welcome")
        event = await until_left(one, bob)
        reply = await one.send("people", {"ids": [ada.pk, bob.pk]})

    (left,) = event["data"]["left"]
    assert event["data"]["size"] == 1
    assert reply["data"]["people"] == [
        {"id": ada.pk, "state": "online", "last_seen": None},
        {"id": bob.pk, "state": "offline", "last_seen": left["last_seen"]},
    ]
    kept = await Presence.objects.aget(pk=bob.pk)
    assert kept.last_seen is not None
    assert kept.last_seen.isoformat()[:23] == left["last_seen"][:23]


async def test_whoever_appears_offline_is_in_no_frame(ada: User, bob: User) -> None:
    await in_database(choose_visibility, bob.pk, hidden=True)
    async with connect_presence("/ws/", ada) as one:
        await one.send("join", {}, "presence")
        async with (
            connect_presence("/ws/presence/", bob) as two,
            connect_presence("/ws/presence/", bob, state="away"),
        ):
            assert (await two.expect("welcome"))["data"]["you"] == {"hidden": True}
            await two.send("state", {"state": "away"})
            await two.send("state", {"state": "online"})
            await one.send("roster", {"room": "hall"}, "presence")
        await one.send("state", {"state": "away"}, "presence")
        while not (await changed(one))["data"]["away"]:
            pass
        reply = await one.send("people", {"ids": [bob.pk]}, "presence")

    assert frames_naming(bob, one.seen) == [reply]
    assert reply["data"]["people"][0]["state"] == "offline"


async def test_hiding_looks_like_leaving_and_reaches_ones_other_tabs(ada: User, bob: User) -> None:
    async with (
        connect_presence("/ws/presence/", ada) as one,
        connect_presence("/ws/presence/", bob) as two,
        connect_presence("/ws/presence/", bob) as other_tab,
    ):
        await other_tab.expect("welcome")
        assert (await two.send("visibility", {"hidden": True}))["type"] == "ok"
        await until_left(one, bob)
        assert (await other_tab.expect("visibility.changed"))["data"] == {"hidden": True}
        await two.send("visibility", {"hidden": False})
        assert (await changed(one))["data"]["joined"] == [bob.as_person()]


async def test_hiding_reaches_rooms_that_only_ones_other_tab_has_entered(
    ada: User, bob: User, places: Places
) -> None:
    async with (
        connect_presence("/ws/presence/", bob) as tab,
        connect_presence("/ws/presence/", bob) as other_tab,
    ):
        await tab.expect("welcome")
        places.put("attic", ada.pk, bob.pk)
        await other_tab.send("rooms")
        await tab.send("visibility", {"hidden": True})
        async with connect_presence("/ws/presence/", ada) as client:
            attic, hall = (await client.expect("welcome"))["data"]["rooms"]

    assert attic["online"] == hall["online"] == [ada.pk]


async def test_nobody_learns_of_people_with_whom_they_share_no_room(
    ada: User, bob: User, places: Places
) -> None:
    stranger = await User.objects.acreate(username="eve")
    places.put("cellar", stranger.pk)
    async with (
        connect_presence("/ws/presence/", stranger) as eve,
        connect_presence("/ws/presence/", ada) as one,
        connect_presence("/ws/presence/", bob) as two,
    ):
        await one.expect("welcome")
        await two.expect("welcome")
        reply = await eve.send("people", {"ids": [ada.pk, bob.pk, stranger.pk, 10**9]})
        await eve.send("state", {"state": "away"})
        while not (await changed(eve, "presence:cellar"))["data"]["away"]:
            pass

        assert ids(reply["data"]["people"]) == [stranger.pk]
        assert frames_naming(ada, eve.seen) == frames_naming(bob, eve.seen) == []
        assert frames_naming(stranger, one.seen + two.seen) == []


async def test_a_roster_has_the_first_people_of_a_room(ada: User, places: Places) -> None:
    people = await User.objects.abulk_create(
        [User(username=f"guest-{number}") for number in range(5)]
    )
    places.put("hall", *(person.pk for person in people))
    for person in people:
        await this_attendance().put(visit(person.pk, away=person.pk % 2 == 0))

    async with connect_presence("/ws/presence/", ada, state="away") as client:
        await client.expect("welcome")
        whole = (await client.send("roster", {"room": "hall"}))["data"]
        part = (await client.send("roster", {"room": "hall", "limit": 2}))["data"]

    assert (whole["room"], whole["size"], whole["after"]) == ("hall", 6, None)
    assert whole["people"] == [
        {**ada.as_person(), "state": "away"},
        *(
            {**person.as_person(), "state": "away" if person.pk % 2 == 0 else "online"}
            for person in people
        ),
    ]
    assert part["people"] == whole["people"][:2]
    assert (part["size"], part["after"]) == (6, whole["people"][1]["id"])


@pytest.mark.parametrize("room", ["cellar", "nowhere"])
async def test_a_room_that_a_person_is_not_in_cannot_be_asked_about(
    ada: User, places: Places, room: str
) -> None:
    places.put("cellar", 10**9)

    async with connect_presence("/ws/presence/", ada) as client:
        reply = await client.send("roster", {"room": room})
        assert (reply["type"], reply["data"]["code"]) == ("error", "forbidden")


async def test_whoever_is_removed_from_a_room_neither_sees_nor_is_seen(
    ada: User, bob: User, places: Places
) -> None:
    async with (
        connect_presence("/ws/presence/", ada) as one,
        connect_presence("/ws/presence/", bob) as two,
    ):
        await two.expect("welcome")
        places.members["hall"].remove(bob.pk)
        await sync_to_async(room_left)(bob.pk, "hall")

        await two.expect("rooms.changed")
        await until_left(one, bob)
        heard = len(two.seen)
        await one.send("state", {"state": "away"})
        await changed(one)
        assert (await two.send("rooms"))["data"]["rooms"] == []
        assert [frame["type"] for frame in two.seen[heard:]] == ["ok"]


async def test_whoever_enters_a_room_is_seen_there(ada: User, bob: User, places: Places) -> None:
    async with (
        connect_presence("/ws/presence/", ada) as one,
        connect_presence("/ws/presence/", bob) as two,
    ):
        await one.expect("welcome")
        for client, user in ((one, ada), (two, bob)):
            places.put("attic", user.pk)
            await sync_to_async(rooms_changed)(user.pk)
            await client.expect("rooms.changed")
            rooms = (await client.send("rooms"))["data"]["rooms"]
            assert [room["room"] for room in rooms] == ["attic", "hall"]

        assert rooms[0]["online"] == [ada.pk, bob.pk]


async def test_whoever_was_deleted_meanwhile_is_passed_over(ada: User, bob: User) -> None:
    ghost = visit(10**9)
    await this_attendance().put(ghost)
    async with connect_presence("/ws/presence/", ada) as client:
        await client.expect("welcome")
        roster = await client.send("roster", {"room": "hall"})
        assert roster["data"]["people"] == [{**ada.as_person(), "state": "online"}]
        await this_attendance().put(visit(bob.pk))
        while bob.pk not in ids((await changed(client))["data"]["joined"]):
            pass
        this_attendance().put(replace(ghost, ended=True))
        while not (await changed(client))["data"]["left"]:
            pass

    assert not await Presence.objects.filter(pk=ghost.user).aexists()


async def test_a_connection_views_the_topic_that_it_names_while_it_is_online(ada: User) -> None:
    async def viewed() -> set[View]:
        return await in_database(viewers, ["chat:hall", "chat:den"])

    async with connect_presence("/ws/presence/", ada, viewing="chat:hall") as client:
        await client.expect("welcome")
        assert await viewed() == {(ada.pk, "chat:hall")}
        await client.send("state", {"state": "online", "viewing": "chat:den"})
        assert await viewed() == {(ada.pk, "chat:den")}
        await client.send("state", {"state": "away", "viewing": "chat:den"})
        assert await viewed() == set()
        await client.send("state", {"state": "online", "viewing": "chat:den"})
        assert await viewed() == {(ada.pk, "chat:den")}
        await client.send("state", {"state": "online", "viewing": None})
        assert await viewed() == set()
        await client.send("state", {"state": "online", "viewing": "chat:hall"})
        await client.send("state", {"state": "online"})
        assert await viewed() == set()


async def test_a_closed_connection_views_nothing(ada: User) -> None:
    async with (
        connect_presence("/ws/presence/", ada) as one,
        connect_presence("/ws/presence/", ada, viewing="chat:hall") as two,
    ):
        await one.expect("welcome")
        await two.expect("welcome")
        await two.communicator.disconnect()

        assert await in_database(viewers, ["chat:hall"]) == set()


@pytest.mark.parametrize("query", [{"state": "away", "viewing": "chat:hall"}, {"viewing": "a b"}])
async def test_a_join_that_is_away_or_names_no_topic_views_nothing(
    ada: User, query: dict[str, str]
) -> None:
    async with connect_presence("/ws/presence/", ada, **query) as client:
        await client.expect("welcome")
        assert await in_database(viewers, ["chat:hall", "a b"]) == set()


async def test_inside_a_transaction_nobody_views_anything(ada: User) -> None:
    @transaction.atomic
    def viewers_inside() -> set[View]:
        return viewers(["chat:hall"])

    async with connect_presence("/ws/presence/", ada, viewing="chat:hall") as client:
        await client.expect("welcome")
        assert await in_database(viewers, ["chat:hall"]) == {(ada.pk, "chat:hall")}
        assert await in_database(viewers_inside) == set()


async def test_the_heartbeat_knows_the_rosters_versions(ada: User) -> None:
    async with connect_presence("/ws/presence/", ada) as client:
        rev = (await changed(client))["rev"]
        heads = await in_database(RosterTopic().latest_revisions, ["hall"])

    assert heads == {"hall": rev}


@pytest.mark.parametrize(
    ("command", "data"),
    [
        ("state", {"state": "dancing"}),
        ("state", {"state": "offline"}),
        ("state", {}),
        ("state", {"state": "online", "last_seen": "1970-01-01T00:00:00Z"}),
        ("visibility", {"hidden": "yes"}),
        ("visibility", {"hidden": True, "user": 1}),
        ("roster", {"room": "hall", "limit": 10**9}),
        ("roster", {"room": "hall", "limit": 0}),
        ("roster", {"room": "hall|1"}),
        ("roster", {}),
        ("roster", {"room": "x" * 65}),
        ("roster", {"room": ["hall"]}),
        ("state", {"state": "online", "viewing": "a b\n"}),
        ("state", {"state": "online", "viewing": "x" * 101}),
        ("state", {"state": "online", "viewing": 7}),
        ("people", {"ids": list(range(1, 102))}),
        ("people", {"ids": ["1"]}),
        ("people", {"ids": [-1]}),
    ],
)
async def test_wrong_data_is_refused(ada: User, command: str, data: Json) -> None:
    async with connect_presence("/ws/presence/", ada) as client:
        reply = await client.send(command, data)
        assert (reply["type"], reply["data"]["code"]) == ("error", "invalid")
        assert (await client.send("people", {"ids": []}))["data"] == {"people": []}


async def test_a_room_of_many_who_join_at_once_is_read_once_and_cut_for_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[list[str], int]] = []

    async def rosters(rooms: Sequence[str], *, limit: int) -> list[Roster]:
        asked.append((sorted(rooms), limit))
        people = {1: State.ONLINE, 2: State.AWAY, 3: State.ONLINE}
        return [Roster(room, 7, 3, people) for room in rooms]

    store = SimpleNamespace(rosters=rosters)
    monkeypatch.setattr(consumers, "this_attendance", lambda: SimpleNamespace(store=store))
    monkeypatch.setattr(consumers, "WELCOME_IDS", 4)
    whole, halves = await consumers._read_rooms_here([["hall"], ["attic", "hall"]])
    assert asked == [(["attic", "hall"], 4)]
    assert whole == [RoomHere("hall", 7, 3, [1, 3], [2], False)]
    assert halves == [RoomHere(room, 7, 3, [1], [2], True) for room in ("attic", "hall")]
