"""The pages, and who watches them live."""

import pytest
from django.test import Client

from accounts.models import User
from realtime.database import in_database
from realtime.starting.notices import actions
from realtime.starting.notices.models import Notice
from realtime.testing import connect
from realtime.topics import latest_revisions

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = "/notices/door/"
SOCKET = "/ws/notice/door/"
TOPIC = "notice:door"


@pytest.fixture
def door() -> Notice:
    return Notice.objects.create(slug="door")


@pytest.fixture
def browser(ada: User) -> Client:
    browser = Client()
    browser.force_login(ada)
    return browser


def test_the_first_page_makes_one_and_lists_it(browser: Client) -> None:
    made = browser.post("/notices/", {"slug": "door"})
    assert made.headers["Location"] == PAGE
    listed = browser.get("/notices/").content.decode()
    assert 'href="door/"' in listed
    assert browser.get("/notices/other/").status_code == 404


def test_the_form_writes(browser: Client, door: Notice) -> None:
    written = browser.post(PAGE, {"text": "<Open>"})
    assert written.headers["Location"] == PAGE
    assert ">&lt;Open&gt;</p>" in browser.get(PAGE).content.decode()


def test_pages_are_for_people_who_are_signed_in(door: Notice) -> None:
    sent = Client().get(PAGE).headers["Location"]
    assert sent.startswith("/accounts/login/")


async def test_everybody_sees_what_is_written(
    ada: User,
    bob: User,
    door: Notice,
) -> None:
    async with connect(SOCKET, ada) as one, connect(SOCKET, bob) as two:
        assert (await one.expect("welcome"))["data"] == {"text": ""}
        await two.expect("welcome")
        assert (await one.send("write", {"text": "Open"}))["data"] == {"text": "Open"}
        written = await two.expect("written")
        assert (written["rev"], written["data"]) == (1, {"text": "Open"})


async def test_who_comes_back_has_the_latest(ada: User, door: Notice) -> None:
    await in_database(actions.write, "door", "Closed")
    async with connect(SOCKET, ada) as client:
        welcome = await client.expect("welcome")
    assert (welcome["rev"], welcome["data"]) == (1, {"text": "Closed"})


async def test_what_is_too_long_or_gone_is_refused(ada: User, door: Notice) -> None:
    async with connect("/ws/notice/gone/", ada) as client:
        assert await client.closed() == 4404
    async with connect(SOCKET, ada) as client:
        await client.expect("welcome")
        refused = await client.send("write", {"text": "x" * 65})
        assert (refused["type"], refused["data"]["code"]) == ("error", "invalid")
        await in_database(door.delete)
        refused = await client.send("write", {"text": "Open"})
        assert refused["data"]["code"] == "not_found"


def test_heartbeats_tell_of_the_latest_change(door: Notice) -> None:
    actions.write("door", "Open")
    assert list(latest_revisions([TOPIC])) == [(TOPIC, TOPIC, 1)]
