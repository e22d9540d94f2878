"""Notifications on the wire."""

import asyncio
from functools import partial

import pytest
from django.db import transaction

from accounts.models import User
from notifications import actions
from notifications.actions import notify
from notifications.models import Inbox
from realtime.database import in_database
from realtime.testing import connect

pytestmark = pytest.mark.django_db(transaction=True)


async def tell(user: User, rumour: str = "it rains") -> None:
    await in_database(partial(notify, [user], "test.rumour", rumour=rumour))


async def head(user: User) -> Inbox:
    return await in_database(Inbox.objects.get, user=user)


async def test_the_welcome_has_the_first_page_and_the_head(ada: User) -> None:
    await tell(ada)

    async with connect("/ws/notifications/", ada) as client:
        welcome = await client.expect("welcome")

    assert (welcome["topic"], welcome["rev"]) == ("notifications", 1)
    assert welcome["data"]["unread"] == 1
    assert welcome["data"]["notifications"][0]["text"] == "They say it rains"


async def test_a_first_time_has_an_empty_list_and_an_epoch_that_lasts(ada: User) -> None:
    epochs = set()
    for _ in range(2):
        async with connect("/ws/notifications/", ada) as client:
            welcome = await client.expect("welcome")
            epochs.add(welcome["data"]["epoch"])

    assert (welcome["rev"], welcome["data"]["notifications"]) == (0, [])
    assert len(epochs) == 1


async def test_what_happens_reaches_every_device_once_and_nobody_else(ada: User, bob: User) -> None:
    async with (
        connect("/ws/notifications/", ada) as laptop,
        connect("/ws/notifications/", ada) as phone,
        connect("/ws/notifications/", bob) as other,
    ):
        for client in (laptop, phone, other):
            await client.expect("welcome")
        await tell(ada)

        for client in (laptop, phone):
            event = await client.receive()
            assert (event["type"], event["rev"]) == ("notification.created", 1)
            assert event["data"]["unread"] == 1
        assert (await other.send("list"))["data"] == {"notifications": [], "more": False}
        assert other.skipped == []


async def test_reading_and_deleting_keep_the_devices_in_step(ada: User) -> None:
    for _ in range(3):
        await tell(ada)
    async with (
        connect("/ws/notifications/", ada) as laptop,
        connect("/ws/notifications/", ada) as phone,
    ):
        one, two, _ = (await laptop.expect("welcome"))["data"]["notifications"]
        await phone.expect("welcome")

        assert (await laptop.send("read", {"id": one["id"]}))["data"] == {"unread": 2}
        event = await phone.receive()
        assert (event["type"], event["rev"]) == ("notification.updated", 4)
        assert event["data"]["notification"]["read_at"]

        assert (await laptop.send("delete", {"id": two["id"]}))["data"] == {"unread": 1}
        event = await phone.receive()
        assert (event["type"], event["rev"]) == ("notification.deleted", 5)
        assert event["data"] == {"id": two["id"], "unread": 1}

        assert (await laptop.send("read_all"))["data"] == {"unread": 0}
        event = await phone.receive()
        assert (event["type"], event["rev"]) == ("unread", 6)
        assert event["data"] == {"count": 0, "read_rev": 6}


async def test_resuming_brings_what_changed_and_no_more(ada: User) -> None:
    for _ in range(3):
        await tell(ada)
    inbox = await head(ada)
    await tell(ada, "it snows")
    await in_database(actions.mark_all_read, ada)

    async with connect("/ws/notifications/", ada, since=3, epoch=str(inbox.epoch)) as client:
        await client.expect("welcome")
        changes = await client.receive()

    assert (changes["type"], changes["rev"]) == ("changes", 5)
    assert [row["rev"] for row in changes["data"]["notifications"]] == [4]
    assert (changes["data"]["unread"], changes["data"]["read_rev"]) == (0, 5)


async def test_a_reset_is_what_the_welcome_was(ada: User) -> None:
    await tell(ada)

    async with connect("/ws/notifications/", ada, since=1, epoch="another") as client:
        welcome = await client.expect("welcome")
        reset = await client.receive()

    assert (reset["type"], reset["rev"], reset["data"]) == ("reset", 1, welcome["data"])


async def test_reading_a_target_tells_the_count_after_each(ada: User) -> None:
    for rumour in ("it rains", "it snows"):
        await in_database(partial(notify, [ada], "test.rumour", target="test:hall", rumour=rumour))
    async with connect("/ws/notifications/", ada) as client:
        await client.expect("welcome")
        await in_database(actions.mark_target_read, ada, "test:hall")
        events = [await client.receive() for _ in range(2)]

    assert [event["rev"] for event in events] == [3, 4]
    assert [event["data"]["unread"] for event in events] == [1, 0]


async def test_the_list_has_pages(ada: User) -> None:
    for number in range(5):
        await tell(ada, str(number))
    async with connect("/ws/notifications/", ada) as client:
        first = (await client.send("list", {"limit": 3}))["data"]
        before = first["notifications"][-1]["seq"]
        second = (await client.send("list", {"limit": 3, "before": before}))["data"]

    texts = [row["text"][-1] for row in first["notifications"] + second["notifications"]]
    assert texts == ["4", "3", "2", "1", "0"]
    assert (first["more"], second["more"]) == (True, False)


async def test_a_target_is_read_at_once(ada: User) -> None:
    for target in ("test:hall", "test:yard"):
        await in_database(partial(notify, [ada], "test.call", target=target, room="hall"))
    async with connect("/ws/notifications/", ada) as client:
        await client.expect("welcome")

        reply = await client.send("read", {"target": "test:hall"})

        read = await client.expect("notification.updated")
        assert read["data"]["notification"]["target"] == "test:hall"
        assert read["data"]["notification"]["read_at"] is not None
        assert reply["data"] == {"unread": 1}


async def test_those_who_read_at_once_read_what_is_their_own(ada: User, bob: User) -> None:
    def tell_both() -> None:
        notify([ada, bob], "test.call", target="test:hall", room="hall")
        notify([ada], "test.call", target="test:yard", room="yard")

    await in_database(tell_both)
    async with (
        connect("/ws/notifications/", ada) as laptop,
        connect("/ws/notifications/", ada) as phone,
        connect("/ws/notifications/", bob) as other,
    ):
        in_hall, in_cellar, in_yard = await asyncio.gather(
            laptop.send("read", {"target": "test:hall"}),
            phone.send("read", {"target": "test:cellar"}),
            other.send("read", {"target": "test:yard"}),
        )
        after = await phone.send("read", {"target": "test:cellar"})

    assert (in_hall["data"], in_yard["data"]) == ({"unread": 1}, {"unread": 1})
    assert in_cellar["data"]["unread"] in {1, 2}
    assert after["data"] == {"unread": 1}


@pytest.mark.parametrize(
    ("type", "data", "code"),
    [
        ("read", {"id": 9_999_999}, "not_found"),
        ("read", {"id": "one"}, "invalid"),
        ("read", {"id": -1}, "invalid"),
        ("read", {"id": 2**63}, "invalid"),
        ("read", {"id": 1, "extra": 1}, "invalid"),
        ("delete", {}, "invalid"),
        ("list", {"limit": 10_000}, "invalid"),
        ("list", {"limit": 0}, "invalid"),
        ("read", {}, "invalid"),
        ("read", {"id": 1, "target": "test:hall"}, "invalid"),
        ("read", {"target": "a b\n"}, "invalid"),
        ("read", {"target": "x" * 101}, "invalid"),
        ("shout", {}, "unknown_type"),
    ],
)
async def test_bad_input_is_refused(ada: User, type: str, data: object, code: str) -> None:
    async with connect("/ws/notifications/", ada) as client:
        refusal = await client.send(type, data)  # type: ignore[arg-type]

        assert (refusal["type"], refusal["data"]["code"]) == ("error", code)
        assert (await client.send("list"))["type"] == "ok"


async def test_nothing_is_published_of_what_is_rolled_back(ada: User) -> None:
    def tell_and_fail() -> None:
        with transaction.atomic():
            notify([ada], "test.rumour", rumour="nothing")
            transaction.set_rollback(True)

    async with connect("/ws/notifications/", ada) as client:
        await client.expect("welcome")
        await in_database(tell_and_fail)
        await tell(ada, "it rains")

        event = await client.receive()

    assert (event["rev"], event["data"]["notification"]["text"]) == (1, "They say it rains")


async def test_it_is_one_topic_of_the_shared_socket(ada: User) -> None:
    async with connect("/ws/", ada) as client:
        await client.send("join", {}, topic="notifications")
        await client.expect("welcome")
        await tell(ada)

        event = await client.receive()

    assert (event["topic"], event["type"]) == ("notifications", "notification.created")
