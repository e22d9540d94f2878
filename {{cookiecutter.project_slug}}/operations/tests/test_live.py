"""What staff see of the processes, live."""

import asyncio
from collections.abc import Callable

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from channels.layers import get_channel_layer
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from accounts.tests.test_two_factor import SECRET
from accounts.tests.totp import code
from operations import live
from operations.live import Lag, Meter, lag
from realtime import metrics
from realtime.database import in_database
from realtime.delivery import engine, hub
from realtime.delivery.engine import Routine, this_engine
from realtime.delivery.publishing import watch
from realtime.protocol import CloseCode, ErrorCode
from realtime.tasks.models import TaskRow
from realtime.testing import ANSWER_SECONDS, Json, connect
from realtime.testing import Client as Wire
from realtime.tests.wires import until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _seconds_pass_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "TICK_SECONDS", 0.02)
    monkeypatch.setattr(engine, "WATCH_SECONDS", 1)


@pytest.fixture
def staff(ada: User) -> User:
    ada.is_staff = True
    ada.save()
    return ada


async def shown(client: Wire, matches: Callable[[Json], object]) -> Json:
    """The next snapshot that is as it should be."""
    async with asyncio.timeout(ANSWER_SECONDS):
        while True:
            data: Json = (await client.expect("snapshot"))["data"]
            if matches(data):
                return data


async def test_staff_see_this_process_and_the_tasks_each_second(staff: User) -> None:
    await TaskRow.objects.acreate(path="a.task", status="FAILED")
    async with connect("/ws/live/", staff) as client:
        await client.expect("welcome")
        await shown(client, lambda data: data["layer"])
        metrics.frames_received.inc(5_000)
        metrics.refusals.labels(ErrorCode.INVALID).inc(3)
        data = await shown(client, lambda data: data["received"] > 1_000)
        await shown(client, lambda data: data["received"] == 0)
        for _ in range(60):  # longer than one request to be shown lasts
            await client.expect("snapshot")

    assert data["received"] <= 5_000
    assert data["refusals"]["invalid"] == 3
    assert (data["sockets"], data["people"], data["topics"]) == (1, 1, 1)
    assert (data["layer"], data["presence"], data["draining"]) == (True, True, False)
    assert data["tasks"] == {
        "state": "ok",
        "waiting": 0,
        "running": 0,
        "failed": 1,
        "late_seconds": 0.0,
    }


async def test_nothing_is_published_while_nobody_watches(
    staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    published: list[str] = []
    monkeypatch.setattr(live, "publish", lambda *event: published.append(event[1]))
    async with connect("/ws/", staff):
        here = this_engine()
        await here.hub.answering.wait()
        await Meter(here).tick()
        assert published == []
        watch()
        await until(lambda: published)
    assert published[0] == "snapshot"


async def test_while_the_layer_is_away_a_process_shows_itself(
    staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*message: object) -> None:
        raise ConnectionError("the layer is away")

    monkeypatch.setattr(hub, "PROBE_SECONDS", 0.01)
    async with connect("/ws/live/", staff) as client:
        await client.expect("snapshot")
        with monkeypatch.context() as patch:
            patch.setattr(get_channel_layer(), "group_send", away)
            await shown(client, lambda data: not data["layer"])


async def test_others_may_not_watch_and_who_is_staff_no_more_is_put_out(
    staff: User, bob: User
) -> None:
    async with connect("/ws/live/", bob) as client, asyncio.timeout(ANSWER_SECONDS):
        assert await client.closed() == CloseCode.FORBIDDEN
    async with connect("/ws/live/", staff) as client:
        await client.expect("welcome")
        staff.is_staff = False
        await in_database(staff.save)
        await this_engine().check()
        async with asyncio.timeout(ANSWER_SECONDS):
            assert await client.closed() == CloseCode.FORBIDDEN


async def test_a_failing_count_of_tasks_is_named(
    staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise LookupError

    monkeypatch.setattr(live, "measure_tasks", away)
    async with connect("/ws/live/", staff) as client:
        assert (await client.expect("snapshot"))["data"]["tasks"]["state"] == "LookupError"


async def test_what_fails_each_second_is_tried_again_and_stops_nothing_else(staff: User) -> None:
    calls: list[None] = []

    async def fail() -> None:
        calls.append(None)
        raise LookupError("nothing there")

    async with connect("/ws/live/", staff) as client:
        this_engine().every_second.insert(0, Routine(fail))
        while len(calls) < 2:
            await client.expect("snapshot")


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"0.001": 0, "0.01": 0, "+Inf": 0}, None),
        ({"0.001": 0, "0.01": 100, "+Inf": 100}, Lag(5.5, 9.9)),
        ({"0.001": 90, "0.01": 100, "+Inf": 100}, Lag(0.6, 9.1)),
        ({"0.001": 0, "0.01": 0, "+Inf": 7}, Lag(10.0, 10.0)),
    ],
)
def test_lag_is_estimated_from_the_buckets(counts: dict[str, int], expected: Lag | None) -> None:
    assert lag(counts) == expected


def test_the_page_is_for_staff(staff: User, bob: User) -> None:
    pages = {}
    for person in (staff, bob, None):
        browser = Client()
        if person is not None:
            browser.force_login(person)
        pages[person] = browser.get("/live/").status_code
    assert pages == {staff: 200, bob: 403, None: 302}


async def test_watching_asks_for_the_factor_that_the_admin_asks_for(
    staff: User, settings: Settings
) -> None:
    settings.ADMIN_TWO_FACTOR = True
    browser = Client()

    def sign_in() -> str:
        browser.force_login(staff)
        assert browser.get("/live/").headers["Location"] == "/accounts/2fa/"
        TOTP.activate(staff, SECRET)
        return str(browser.session.session_key)

    def give_code() -> None:
        asked = browser.get("/live/").headers["Location"]
        assert asked == "/accounts/2fa/reauthenticate/?next=%2Flive%2F"
        opened = browser.post(asked, {"code": code(SECRET)}, follow=True)
        assert (opened.redirect_chain, opened.status_code) == ([("/live/", 302)], 200)

    key = await in_database(sign_in)
    async with connect("/ws/live/", session=key) as client, asyncio.timeout(ANSWER_SECONDS):
        assert await client.closed() == CloseCode.FORBIDDEN
    await in_database(give_code)
    async with connect("/ws/live/", session=key) as client:
        await client.expect("welcome")


def test_frames_are_shown_to_staff_and_while_debugging(
    staff: User, bob: User, settings: Settings
) -> None:
    def shows_frames(person: User, path: str) -> bool:
        browser = Client()
        browser.force_login(person)
        return b'id="frames"' in browser.get(path, follow=True).content

    assert shows_frames(staff, "/settings/profile/?frames")
    assert not shows_frames(staff, "/settings/profile/")
    assert not shows_frames(bob, "/settings/profile/?frames")
    settings.DEBUG = True
    assert shows_frames(bob, "/settings/profile/?frames")
    assert b'id="frames"' in Client().get("/accounts/login/?frames").content
