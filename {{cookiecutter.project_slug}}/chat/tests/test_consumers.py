"""A room's socket: joining, commands, events, being turned out."""

import asyncio
import json
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from pytest_django import Settings

from accounts.models import User
from chat import actions, consumers, queries
from chat.frames import ReaderPerson
from chat.models import Message, Room
from chat.queries import members_shown
from chat.tests.conftest import Say
from realtime.database import in_database
from realtime.feeds import consumer as feed_consumer
from realtime.testing import Client, connect

pytestmark = pytest.mark.django_db(transaction=True)

GENERAL = "/ws/chat/general/"
ENGINEERING = "/ws/chat/engineering/"
Json = dict[str, Any]  # Any: JSON


async def send(client: Client, body: str = "Hello", client_id: str = "a1", **rest: object) -> Json:
    return await client.send("message.send", {"client_id": client_id, "body": body, **rest})


async def changes_heard(client: Client, count: int) -> list[tuple[str, int]]:
    """The first `count` events that changed messages, in the order of their arrival."""
    heard = [frame for frame in client.skipped if _is_change(frame)]
    while len(heard) < count:
        frame = await client.receive()
        if _is_change(frame):
            heard.append(frame)
    return [(frame["type"], frame["rev"]) for frame in heard]


def _is_change(frame: Json) -> bool:
    return frame["type"].startswith("message.") and "id" not in frame


async def test_messages_in_flight_keep_their_order(ada: User, public: Room) -> None:
    bodies = [f"{n}" if n % 7 else "" for n in range(80)]
    async with connect(GENERAL, ada) as client:
        await client.expect("welcome")
        for body in bodies:
            await client.send_unheard("message.send", {"client_id": f"a{body}", "body": body})
        edited = await client.send("message.edit", {"seq": 68, "body": "The last."})
        heard = [*client.skipped, edited]
    answers = [frame for frame in heard if "id" in frame]
    assert [int(frame["id"]) for frame in answers] == list(range(1, 82))
    assert [frame["data"].get("body", "") for frame in answers] == [*bodies, "The last."]
    rows = Message.objects.order_by("seq").values_list("body", flat=True)
    expected = [body for body in bodies if body]
    assert [row async for row in rows] == [*expected[:-1], "The last."]


async def test_the_first_frame_is_a_welcome(ada: User, bob: User, public: Room, say: Say) -> None:
    await in_database(say, public, bob)
    async with connect(GENERAL, ada) as client:
        frame = await client.receive()
    assert frame == {
        "topic": "chat:general",
        "type": "welcome",
        "rev": 1,
        "data": {
            "epoch": str(public.epoch),
            "room": {
                "slug": "general",
                "name": "General",
                "kind": "public",
                "about": "",
                "archived": False,
            },
            "you": {**ada.as_person(), "role": "owner", "last_read": 0},
            "members": [
                {**bob.as_person(), "role": "member", "last_read": 0},
                {**ada.as_person(), "role": "owner", "last_read": 0},
            ],
            "member_count": 2,
        },
    }


async def test_a_large_room_names_only_so_many_members(
    ada: User, public: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "MEMBERS_SHOWN", 1)
    async with connect(GENERAL, ada) as client:
        welcome = (await client.receive())["data"]
    assert ([each["username"] for each in welcome["members"]], welcome["member_count"]) == (
        ["bob"],
        2,
    )


async def test_a_crowd_s_members_are_read_once_and_anew_after_a_change(
    ada: User, bob: User, public: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[int] = []

    def counted(room: Room) -> tuple[list[ReaderPerson], int]:
        reads.append(room.pk)
        return members_shown(room)

    async def roles_shown(client: Client) -> list[str]:
        welcome = await client.expect("welcome")
        return [each["role"] for each in welcome["data"]["members"]]

    monkeypatch.setattr(consumers, "members_shown", counted)
    monkeypatch.setattr(feed_consumer, "KEPT_SECONDS", 60)
    async with connect(GENERAL, ada) as one, connect(GENERAL, bob) as two:
        assert await roles_shown(one) == await roles_shown(two) == ["member", "owner"]
        assert len(reads) == 1
        await in_database(actions.change_role, public, ada, bob, "moderator")
        await one.expect("member.updated")
        async with connect(GENERAL, bob) as three:
            assert await roles_shown(three) == ["moderator", "owner"]


async def test_a_direct_room_has_the_name_of_the_other_person(ada: User, bob: User) -> None:
    room = await in_database(actions.start_direct, ada, bob)
    async with connect(f"/ws/chat/{room.slug}/", bob) as client:
        assert (await client.receive())["data"]["room"]["name"] == "ada"


async def test_a_message_is_acknowledged_and_everyone_sees_it(
    ada: User, bob: User, public: Room
) -> None:
    async with connect(GENERAL, ada) as one, connect(GENERAL, bob) as two:
        await two.expect("welcome")
        reply = await send(one, "Hello @bob")
        assert reply["type"] == "ok"
        for client in (one, two):
            event = await client.expect("message.created")
            assert (event["topic"], event["rev"]) == ("chat:general", 1)
            assert event["data"] == reply["data"]
    assert reply["data"]["mentions"] == ["bob"]
    assert reply["data"]["author"] == ada.as_person()


async def test_a_retry_is_answered_with_the_first_message_and_makes_no_event(
    ada: User, public: Room
) -> None:
    async with connect(GENERAL, ada) as client:
        first, second = await send(client), await send(client)
        assert second["data"] == first["data"]
        await send(client, client_id="a2")
        assert await changes_heard(client, 2) == [("message.created", 1), ("message.created", 2)]


async def test_every_change_brings_the_next_rev(ada: User, bob: User, public: Room) -> None:
    async with connect(GENERAL, ada) as one, connect(GENERAL, bob) as two:
        await two.expect("welcome")
        await send(one)
        reacted = await two.send("reaction.toggle", {"seq": 1, "emoji": "👍"})
        edited = await one.send("message.edit", {"seq": 1, "body": "Better"})
        deleted = await one.send("message.delete", {"seq": 1})
        for client in (one, two):
            assert await changes_heard(client, 4) == [
                ("message.created", 1),
                ("message.updated", 2),
                ("message.updated", 3),
                ("message.deleted", 4),
            ]
    assert reacted["data"]["reactions"] == [{"emoji": "👍", "users": [bob.pk]}]
    assert (edited["data"]["body"], deleted["data"]["body"]) == ("Better", "")


async def test_sends_that_wait_while_a_transaction_is_open_share_the_next(
    ada: User, bob: User, public: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[int] = []
    begun, go_on = threading.Event(), threading.Event()

    def slow(drafts: Sequence[actions.Draft]) -> Sequence[object]:
        batches.append(len(drafts))
        begun.set()
        assert go_on.wait(5)
        return actions.post_messages(drafts)

    monkeypatch.setattr(consumers.sends, "_work", slow)
    async with (
        connect(GENERAL, ada) as one,
        connect(GENERAL, bob) as two,
        connect(GENERAL, bob) as three,
    ):
        sending = [asyncio.create_task(send(one, client_id="a1"))]
        await asyncio.to_thread(begun.wait, 5)
        sending += [
            asyncio.create_task(send(client, client_id=client_id))
            for client, client_id in ((two, "b1"), (three, "b2"))
        ]
        while consumers.sends.waiting_items < 2:
            await asyncio.sleep(0.01)
        go_on.set()
        replies = await asyncio.gather(*sending)
    assert batches == [1, 2]
    assert sorted(reply["data"]["rev"] for reply in replies) == [1, 2, 3]


SEND = {"client_id": "a1", "body": "Hello"}
REFUSED: list[tuple[str, object, str]] = [
    ("message.send", {}, "invalid"),
    ("message.send", {"client_id": "a1"}, "invalid"),
    ("message.send", {**SEND, "client_id": ""}, "invalid"),
    ("message.send", {**SEND, "client_id": "a" * 65}, "invalid"),
    ("message.send", {**SEND, "client_id": 7}, "invalid"),
    ("message.send", {**SEND, "client_id": "a\x00"}, "invalid"),
    ("message.send", {**SEND, "body": " "}, "invalid"),
    ("message.send", {**SEND, "body": "a\x00"}, "invalid"),
    ("message.send", {**SEND, "body": ["a"]}, "invalid"),
    ("message.send", {**SEND, "body": "a" * 4001}, "too_large"),
    ("message.send", {**SEND, "room": "b"}, "invalid"),
    ("message.send", {**SEND, "reply_to": -1}, "invalid"),
    ("message.send", {**SEND, "reply_to": 2**63}, "invalid"),
    ("message.send", {**SEND, "reply_to": 9}, "not_found"),
    ("message.edit", {"seq": 9, "body": "a"}, "not_found"),
    ("message.edit", {"seq": 1.5, "body": "a"}, "invalid"),
    ("message.edit", {"seq": "1", "body": "a"}, "invalid"),
    ("message.delete", {"seq": 2**53 - 1}, "not_found"),
    ("message.delete", {"seq": 2**53}, "invalid"),
    ("message.delete", {"seq": None}, "invalid"),
    ("message.delete", [], "invalid"),
    ("reaction.toggle", {"seq": 9, "emoji": "👍"}, "not_found"),
    ("reaction.toggle", {"seq": 9, "emoji": "lol"}, "invalid"),
    ("typing", {"user": "ada"}, "invalid"),
    ("read", {"seq": True}, "invalid"),
    ("history", {"limit": 0}, "invalid"),
    ("history", {"limit": 201}, "invalid"),
    ("history", {"before": "now"}, "invalid"),
    ("changes", {"since": 0}, "invalid"),
    ("message.shout", {}, "unknown_type"),
    ("join", {}, "unknown_type"),
]


async def test_what_cannot_be_done_is_refused_and_the_socket_stays(ada: User, public: Room) -> None:
    async with connect(GENERAL, ada) as client:
        for number, (type_, data, code) in enumerate(REFUSED):
            frame = {"id": f"x{number}", "type": type_, "data": data}
            await client.send_text(json.dumps(frame))
            refused = await client.expect("error")
            assert (refused["id"], refused["data"]["code"]) == (frame["id"], code), frame
        assert (await send(client))["data"]["rev"] == 1


async def test_half_a_pair_of_surrogates_is_no_text(ada: User, public: Room) -> None:
    async with connect(GENERAL, ada) as client:
        await client.send_text(r'{"type": "message.send", "data": {"body": "\ud83d"}}')
        assert (await client.expect("error"))["data"]["code"] == "invalid"


async def test_a_frame_for_another_room_is_not_taken(
    ada: User, public: Room, private: Room
) -> None:
    async with connect(GENERAL, ada) as client:
        data = {"client_id": "a1", "body": "Hello"}
        reply = await client.send("message.send", data, topic="chat:engineering")
        assert reply["data"]["code"] == "not_found"
    assert not await Message.objects.aexists()


async def test_typing_is_told_to_the_others_and_not_too_often(
    ada: User, bob: User, public: Room
) -> None:
    async with connect(GENERAL, ada) as one, connect(GENERAL, bob) as two:
        await two.expect("welcome")
        for _ in range(5):
            assert (await one.send("typing"))["type"] == "ok"
        await send(one)
        await two.expect("message.created")
        (told,) = two.skipped
        assert (told["type"], told["data"]) == ("typing", {"user": ada.as_person()})
        assert "rev" not in told


async def test_reading_is_told(ada: User, bob: User, public: Room) -> None:
    async with connect(GENERAL, ada) as one, connect(GENERAL, bob) as two:
        await two.expect("welcome")
        await send(one)
        assert (await two.send("read", {"seq": 99}))["data"] == {"seq": 1}
        assert (await one.expect("read"))["data"] == {"user_id": bob.pk, "seq": 1}


async def test_history_comes_in_pages(ada: User, public: Room) -> None:
    async with connect(GENERAL, ada) as client:
        for number in range(3):
            await send(client, client_id=f"a{number}")
        page = (await client.send("history", {"before": 3, "limit": 1}))["data"]
        assert ([message["seq"] for message in page["messages"]], page["more"]) == ([2], True)
        everything = (await client.send("history"))["data"]
        assert ([message["seq"] for message in everything["messages"]], everything["more"]) == (
            [1, 2, 3],
            False,
        )


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ({}, ([6, 7, 8, 9], True, False)),
        ({"before": 4}, ([1, 2, 3], False, True)),
        ({"before": 10}, ([6, 7, 8, 9], True, False)),
        ({"after": 2}, ([3, 4, 5, 6], True, True)),
        ({"after": 6}, ([7, 8, 9], True, False)),
        ({"after": 0}, ([1, 2, 3, 4], False, True)),
        ({"around": 5}, ([4, 5, 6, 7], True, True)),
        ({"around": 1}, ([1, 2, 3], False, True)),
        ({"around": 9}, ([6, 7, 8, 9], True, False)),
        ({"around": 0}, ([1, 2], False, True)),
    ],
    ids=str,
)
async def test_history_has_the_messages_before_after_and_around_a_place(
    ada: User, public: Room, say: Say, place: dict[str, int], expected: tuple[list[int], bool, bool]
) -> None:
    for _ in range(9):
        await in_database(say, public, ada)
    async with connect(GENERAL, ada) as client:
        page = (await client.send("history", {**place, "limit": 4}))["data"]
    assert ([each["seq"] for each in page["messages"]], page["more"], page["newer"]) == expected


async def test_people_come_and_go_before_the_eyes_of_the_others(
    ada: User, eve: User, public: Room
) -> None:
    async with connect(GENERAL, ada) as one:
        await one.expect("welcome")
        async with connect(GENERAL, eve) as two:
            assert (await two.expect("welcome"))["data"]["you"]["role"] == "member"
            joined = await one.expect("member.joined")
            assert joined["data"] == {"member": {**eve.as_person(), "role": "member"}}
            await in_database(actions.leave_room, public, eve)
            assert (await one.expect("member.left"))["data"] == {"user_id": eve.pk}
            assert await two.closed() == 4403


async def test_a_removed_person_is_turned_out_everywhere_and_the_others_stay(
    ada: User, bob: User, private: Room
) -> None:
    async with (
        connect(ENGINEERING, ada) as one,
        connect(ENGINEERING, bob) as laptop,
        connect(ENGINEERING, bob) as phone,
    ):
        for client in (one, laptop, phone):
            await client.expect("welcome")
        await in_database(actions.remove_member, private, ada, bob)
        assert [await laptop.closed(), await phone.closed()] == [4403, 4403]
        assert (await send(one))["type"] == "ok"
    async with connect(ENGINEERING, bob) as client:
        assert await client.closed() == 4403


async def test_a_command_of_one_who_is_no_member_any_more_is_refused(
    ada: User, bob: User, private: Room
) -> None:
    async with connect(ENGINEERING, bob) as client:
        await client.expect("welcome")
        await private.memberships.filter(user=bob).adelete()  # unheard of by the engine
        commands: list[tuple[str, Json]] = [
            ("message.send", SEND),
            ("message.edit", {"seq": 1, "body": "Hello"}),
            ("message.delete", {"seq": 1}),
            ("reaction.toggle", {"seq": 1, "emoji": "👍"}),
            ("read", {"seq": 1}),
            ("history", {}),
            ("changes", {"since": 0, "epoch": str(private.epoch)}),
        ]
        for command in commands:
            assert (await client.send(*command))["data"]["code"] == "forbidden"


@pytest.mark.parametrize("slug", ["nowhere", "longer-than-a-layer-allows-" * 9])
async def test_a_room_that_is_not_there_closes_with_4404(ada: User, slug: str) -> None:
    async with connect(f"/ws/chat/{slug}/", ada) as client:
        assert await client.closed() == 4404


async def test_a_private_room_is_closed_to_strangers_even_with_an_invitation(
    ada: User, eve: User, private: Room
) -> None:
    await in_database(actions.invite, private, ada, eve)
    async with connect(ENGINEERING, eve) as client:
        assert await client.closed() == 4403
    assert client.skipped == []
    assert not await private.memberships.filter(user=eve).aexists()


async def test_a_deleted_room_closes_with_4404(ada: User, public: Room) -> None:
    async with connect(GENERAL, ada) as client:
        await client.expect("welcome")
        await in_database(actions.delete_room, public)
        assert await client.closed() == 4404


async def test_what_is_wanted_can_be_asked_for_again(ada: User, public: Room, say: Say) -> None:
    await in_database(say, public, ada)
    async with connect(GENERAL, ada) as client:
        for on in (True, True, False, False):
            wanted = {"seq": 1, "emoji": "👍", "on": on}
            reply = await client.send("reaction.toggle", wanted)
            assert bool(reply["data"]["reactions"]) == on


async def test_who_writes_too_much_is_told_when_to_go_on(
    ada: User, public: Room, settings: Settings
) -> None:
    settings.BUDGETS = {"messages": [2, 7200]}
    async with connect(GENERAL, ada) as one, connect("/ws/", ada) as other:
        await other.send("join", topic="chat:general")
        assert (await send(one, client_id="1"))["type"] == "ok"
        await other.send("message.send", {"client_id": "2", "body": "x"}, "chat:general")
        refusal = await send(one, client_id="3")
    assert (refusal["type"], refusal["data"]["code"]) == ("error", "rate_limited")
    assert 3590 < refusal["data"]["retry_after"] <= 3600
    assert refusal["data"]["detail"].endswith("Try again in 60 minutes.")
