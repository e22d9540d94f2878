"""Topics as server-sent events."""

import json
import re
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from msgspec import UNSET, UnsetType
from pytest_django import Settings

from accounts.models import User
from realtime.database import in_database
from realtime.delivery import connection
from realtime.delivery.publishing import publish
from realtime.protocol import encode
from realtime.starting.boards.models import Board
from realtime.tests.started import application
from realtime.tests.test_feeds import add
from realtime.tests.test_http import Json, Response, asked
from realtime.transports.sse import EventStream

pytestmark = pytest.mark.django_db(transaction=True)

BOARD = "/api/realtime/topics/board:plan"
ECHO = "/api/realtime/topics/echo:a"


@pytest.fixture
def plan(db: None) -> Board:
    return Board.objects.create(slug="plan")


def read(
    user: User | None, path: str = BOARD, **options: Any
) -> AbstractAsyncContextManager[Response]:
    """The response to a page of this site, whose browser sends no Origin."""
    given = {"origin": None, "method": "GET", "application": application}
    return asked(path, b"", user, **given | options)


async def event(response: Response) -> tuple[str | None, Json]:
    """The id and the frame of the next event."""
    place = None
    while (line := await response.line()) is not None:
        field, _, value = line.partition(": ")
        if field == "data":
            return place, json.loads(value)
        if field == "id":
            place = value
    raise AssertionError("The response has ended.")


async def test_a_topic_begins_with_what_there_is(ada: User, plan: Board) -> None:
    await in_database(add, plan, "one")
    async with read(ada) as response:
        assert await response.status() == 200
        assert response.headers[b"content-type"] == b"text/event-stream"
        place, welcome = await event(response)
        assert (place, welcome["type"]) == (None, "welcome")
        place, reset = await event(response)
        assert (place, reset["type"]) == (f"{plan.epoch}:1", "reset")
        assert [item["title"] for item in reset["data"]["items"]] == ["one"]
        publish("board:plan", "card.created", {"title": "two"}, rev=2)
        place, created = await event(response)
        assert (place, created["data"]) == (f"{plan.epoch}:2", {"title": "two"})


async def test_a_client_that_comes_back_gets_what_it_missed(ada: User, plan: Board) -> None:
    await in_database(add, plan, "one", "two", "three")
    async with read(ada, last_event_id=f"{plan.epoch}:1") as response:
        await response.status()
        assert (await event(response))[1]["type"] == "welcome"
        place, changes = await event(response)
    assert (place, changes["type"]) == (f"{plan.epoch}:3", "changes")
    assert [item["title"] for item in changes["data"]["items"]] == ["two", "three"]


@pytest.mark.parametrize("place", ["", "1", "x:1", "x:y", ":", "1:-1", f"x:{'9' * 5_000}", "☃:1"])
async def test_a_place_that_there_is_not_begins_afresh(ada: User, plan: Board, place: str) -> None:
    async with read(ada, last_event_id=place) as response:
        await response.status()
        assert [(await event(response))[1]["type"] for _ in range(2)] == ["welcome", "reset"]


async def test_what_was_lost_is_asked_for_and_comes_once_in_order(ada: User, plan: Board) -> None:
    async with read(ada) as response:
        await response.status()
        assert [(await event(response))[1]["type"] for _ in range(2)] == ["welcome", "reset"]
        await in_database(add, plan, "lost", "seen")
        publish("board:plan", "card.created", {"title": "seen"}, rev=2)
        place, changes = await event(response)
        assert (place, changes["type"]) == (f"{plan.epoch}:2", "changes")
        assert [item["title"] for item in changes["data"]["items"]] == ["lost", "seen"]
        publish("board:plan", "card.created", {"title": "lost"}, rev=1)
        publish("board:plan", "card.created", {"title": "next"}, rev=3)
        assert (await event(response))[1]["data"] == {"title": "next"}


async def test_what_comes_during_a_repair_waits_for_it() -> None:
    stream = EventStream("board:plan", never, never)

    def comes(type: str, rev: int, frame_id: str | UnsetType = UNSET) -> bytes:
        return stream.line(encode("board:plan", type, {"epoch": "e"}, rev, frame_id))

    comes("reset", 1)
    assert comes("card.created", 3) == b""
    stream._repair()
    assert comes("card.created", 2) == b""
    assert comes("card.created", 4) == b""
    answer = comes("changes", 3, "repair")
    assert re.findall(rb'id: e:(\d)\ndata: .*"type":"([\w.]+)"', answer) == [
        (b"3", b"changes"),
        (b"4", b"card.created"),
    ]


async def never(*message: object) -> Any:  # Any: as `Receive` and `Send`
    raise AssertionError


async def test_a_heartbeat_shows_what_was_lost_and_is_a_comment_otherwise(
    ada: User, plan: Board, settings: Settings
) -> None:
    settings.REALTIME = {"HEARTBEAT_SECONDS": 0.05}
    async with read(ada) as response:
        await response.status()
        assert [(await event(response))[1]["type"] for _ in range(2)] == ["welcome", "reset"]
        assert await response.part() == b":\n\n"
        await in_database(add, plan, "lost")
        assert (await event(response))[1]["type"] == "changes"


async def test_a_stock_consumer_s_messages_are_events_until_its_client_leaves(
    ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "LEAVE_SECONDS", 0.1)
    async with asked(
        "/api/realtime/topics/stock:pushes", user=ada, method="GET", origin=None
    ) as response:
        await response.status()
        assert [await response.line() for _ in range(2)] == ["retry: 2000", "data: tick"]


@pytest.mark.parametrize("topic", ["stock:ends:refuses", "stock:denies"])
async def test_whom_a_stock_consumer_rejects_is_told_by_the_status(ada: User, topic: str) -> None:
    path = f"/api/realtime/topics/{topic}"
    async with asked(path, user=ada, method="GET", origin=None) as response:
        assert await response.status() == 403


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        (BOARD, {"sec_fetch_site": "same-origin"}, 200),
        (BOARD, {"sec_fetch_site": "none"}, 200),
        (BOARD, {"origin": "http://testserver"}, 200),
        (BOARD, {"sec_fetch_site": "cross-site"}, 403),
        (BOARD, {"sec_fetch_site": "same-site"}, 403),
        (BOARD, {"origin": "http://evil.example", "sec_fetch_site": "same-origin"}, 403),
        (BOARD, {"host": "evil.example"}, 403),
        (BOARD, {"method": "POST"}, 405),
        ("/api/realtime/topics/board:none", {}, 404),
        ("/api/realtime/topics/nowhere", {}, 404),
        ("/api/realtime/topics/..", {}, 404),
        ("/api/realtime/topics/board:plan%0a", {}, 404),
    ],
)
async def test_who_may_not_read_is_told_by_the_status(
    ada: User, plan: Board, settings: Settings, path: str, headers: Any, status: int
) -> None:
    settings.ALLOWED_HOSTS = ["testserver"]
    async with read(ada, path, **headers) as response:
        assert await response.status() == status


async def test_nobody_signed_in_reads_nothing(plan: Board) -> None:
    async with read(None) as response:
        assert await response.status() == 401
