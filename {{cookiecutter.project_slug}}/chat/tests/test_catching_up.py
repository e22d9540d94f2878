"""Coming back to a room: resuming from a place, gaps, and places that are no good."""

from typing import Any

import pytest

from accounts.models import User
from chat import actions
from chat.consumers import ChatConsumer
from chat.models import Message, Room
from chat.tests.conftest import Say
from realtime.feeds import consumer, reading
from realtime.feeds.reading import latest, missed
from realtime.testing import Client, connect
from realtime.topics import latest_revisions

pytestmark = pytest.mark.django_db(transaction=True)

GENERAL = "/ws/chat/general/"
Json = dict[str, Any]  # Any: JSON


@pytest.fixture
def spoken(public: Room, ada: User, say: Say) -> Room:
    """The public room with five messages; the first was edited after the others: rev 6."""
    for _ in range(5):
        say(public, ada)
    actions.edit_message(public, ada, seq=1, body="Later")
    return public


def revs(changes: Json) -> list[int]:
    return [message["rev"] for message in changes["data"]["messages"]]


async def frames_to_the_last(client: Client) -> list[Json]:
    frames = [await client.expect("changes")]
    while frames[-1]["data"]["more"]:
        frames.append(await client.expect("changes"))
    return frames


async def test_one_who_was_away_gets_what_changed_since(ada: User, spoken: Room) -> None:
    async with connect(GENERAL, ada, since=3, epoch=str(spoken.epoch)) as client:
        welcome, changes = await client.receive(), await client.receive()
    assert (welcome["type"], welcome["rev"]) == ("welcome", 6)
    assert (changes["type"], changes["rev"], changes["data"]["more"]) == ("changes", 6, False)
    assert changes["data"]["epoch"] == str(spoken.epoch)
    assert [(each["seq"], each["rev"]) for each in changes["data"]["messages"]] == [
        (4, 4),
        (5, 5),
        (1, 6),
    ]


async def test_one_who_is_new_gets_no_changes(ada: User, spoken: Room) -> None:
    async with connect(GENERAL, ada) as client:
        await client.send("typing")
        assert not [frame for frame in client.skipped if frame["type"] in ("changes", "reset")]


@pytest.mark.parametrize("few", [0, 3, 20])
async def test_much_comes_in_several_frames_whose_revs_are_places(
    ada: User, spoken: Room, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "FEW_CHANGES", few)
    monkeypatch.setattr(ChatConsumer, "page_items", 2)
    async with connect(GENERAL, ada, since=0, epoch=str(spoken.epoch)) as client:
        frames = await frames_to_the_last(client)
    assert [revs(frame) for frame in frames] == [[2, 3], [4, 5], [6]]
    assert [(frame["rev"], frame["data"]["more"]) for frame in frames] == [
        (3, True),
        (5, True),
        (6, False),
    ]


async def test_a_place_that_the_room_never_had_starts_over(ada: User, spoken: Room) -> None:
    for since in ("7", "-1", "x", "9" * 5000, "1.5", "²"):
        async with connect(GENERAL, ada, since=since, epoch=str(spoken.epoch)) as client:
            await client.expect("welcome")
            assert await client.receive() == {
                "topic": "chat:general",
                "type": "reset",
                "rev": 6,
                "data": {"epoch": str(spoken.epoch)},
            }


async def test_a_place_in_another_run_of_numbers_starts_over(ada: User, spoken: Room) -> None:
    for epoch in ("", "of-another-run"):
        async with connect(GENERAL, ada, since=3, epoch=epoch) as client:
            assert (await client.expect("reset"))["rev"] == 6


@pytest.mark.parametrize(("since", "filled"), [(6, [[]]), (5, [[6]]), (1, [[2, 3], [4, 5], [6]])])
async def test_a_gap_is_filled_before_it_is_answered(
    ada: User, spoken: Room, since: int, filled: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ChatConsumer, "page_items", 2)
    async with connect(GENERAL, ada) as client:
        answer = await client.send("changes", {"since": since, "epoch": str(spoken.epoch)})
        before = [frame for frame in client.skipped if frame["type"] == "changes"]
    assert [revs(frame) for frame in [*before, answer]] == filled
    assert (answer["type"], answer["rev"]) == ("changes", 6)


async def test_a_place_that_is_no_good_is_answered_with_a_reset(ada: User, spoken: Room) -> None:
    async with connect(GENERAL, ada) as client:
        for since, epoch in ((7, str(spoken.epoch)), (1, "")):
            answer = await client.send("changes", {"since": since, "epoch": epoch})
            assert (answer["type"], answer["rev"]) == ("reset", 6)
            assert answer["data"] == {"epoch": str(spoken.epoch)}


async def test_what_is_said_while_one_joins_is_not_missed(
    ada: User, bob: User, spoken: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the reading of the head and that of the rows: in the rows, and heard again."""

    def late(*arguments: Any) -> Any:  # Any: as of `missed`
        actions.post_message(spoken, bob, body="In between", client_id="b1")
        return missed(*arguments)

    monkeypatch.setattr(consumer, "missed", late)
    async with connect(GENERAL, ada, since=5, epoch=str(spoken.epoch)) as client:
        welcome = await client.expect("welcome")
        changes = await client.expect("changes")
        event = await client.expect("message.created")
    assert welcome["rev"] == 6
    assert (changes["rev"], revs(changes), event["rev"]) == (7, [6, 7], 7)


def test_a_page_of_long_messages_ends_sooner(ada: User, public: Room, say: Say) -> None:
    for _ in range(40):
        say(public, ada, "x" * 4_000)
    public.refresh_from_db()
    revs = [0]
    more = True
    while more:
        place = public, revs[-1]
        page = missed(Message, [place], limit=200)[place]
        assert sum(len(message.body) for message in page.items) <= reading.PAGE_CHARACTERS
        revs += [message.rev for message in page.items]
        more = page.more
    assert revs == list(range(41))
    newest, more = latest(public.messages.all(), limit=200)
    assert (newest[0].seq, more) == (40, True)


def test_the_beat_tells_a_rooms_head(spoken: Room) -> None:
    assert list(latest_revisions(["chat:general", "rooms:1"])) == [
        ("chat:general", "chat:general", 6)
    ]
