"""The pages, and who watches them live."""

import pytest
from django.test import Client

from accounts.models import User
from realtime.database import in_database
from realtime.protocol import ErrorCode, Refusal
from realtime.starting.boards import actions
from realtime.starting.boards.models import Board, Card
from realtime.testing import connect

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = "/boards/plan/"
SOCKET = "/ws/board/plan/"


@pytest.fixture
def plan() -> Board:
    return Board.objects.create(slug="plan")


@pytest.fixture
def browser(ada: User) -> Client:
    browser = Client()
    browser.force_login(ada)
    return browser


def test_the_first_page_makes_one_and_lists_it(browser: Client) -> None:
    made = browser.post("/boards/", {"slug": "plan"})
    assert made.headers["Location"] == PAGE
    listed = browser.get("/boards/").content.decode()
    assert 'href="plan/"' in listed
    again = browser.post("/boards/", {"slug": "plan"})
    assert "already exists" in again.content.decode()
    assert browser.get("/boards/other/").status_code == 404


def test_the_form_adds_once_when_sent_twice(browser: Client, plan: Board) -> None:
    for _ in range(2):
        added = browser.post(PAGE, {"title": "<Milk>", "client_id": "a"})
        assert added.headers["Location"] == PAGE
    assert [card.title for card in Card.objects.all()] == ["<Milk>"]
    page = browser.get(PAGE).content.decode()
    assert 'data-feed="board:plan"' in page
    assert '<span class="list__body">&lt;Milk&gt;</span>' in page
    assert browser.post(PAGE, {"title": "", "client_id": "b"}).status_code == 200
    assert Card.objects.count() == 1


def test_pages_are_for_people_who_are_signed_in(plan: Board) -> None:
    sent = Client().get(PAGE).headers["Location"]
    assert sent.startswith("/accounts/login/")


async def test_everybody_sees_each_change(
    ada: User,
    bob: User,
    plan: Board,
) -> None:
    async with connect(SOCKET, ada) as one, connect(SOCKET, bob) as two:
        assert (await one.expect("welcome"))["data"]["items"] == []
        await two.expect("welcome")

        added = await one.send("card.add", {"client_id": "a", "title": "Milk"})
        assert (added["type"], added["data"]["title"]) == ("ok", "Milk")
        assert (await two.expect("card.created"))["data"]["title"] == "Milk"
        again = await one.send("card.add", {"client_id": "a", "title": "Milk"})
        assert again["data"]["seq"] == 1

        await two.send("card.rename", {"seq": 1, "title": "Oat milk"})
        renamed = await one.expect("card.updated")
        assert (renamed["rev"], renamed["data"]["title"]) == (2, "Oat milk")
        await two.send("card.delete", {"seq": 1})
        deleted = await one.expect("card.deleted")
        assert (deleted["rev"], deleted["data"]["title"], deleted["data"]["html"]) == (3, "", "")


async def test_who_comes_back_learns_what_was_missed(ada: User, plan: Board) -> None:
    async with connect(SOCKET, ada) as client:
        welcome = await client.expect("welcome")
    await in_database(actions.add, plan, "a", "Milk")
    await in_database(actions.add, plan, "b", "Bread")
    place = {"since": welcome["rev"], "epoch": welcome["data"]["epoch"]}
    async with connect(SOCKET, ada, **place) as client:
        changes = await client.expect("changes")
        assert [item["title"] for item in changes["data"]["items"]] == ["Milk", "Bread"]


async def test_what_is_too_long_or_empty_is_refused(ada: User, plan: Board) -> None:
    async with connect(SOCKET, ada) as client:
        await client.expect("welcome")
        for title in ("", "x" * 65):
            refused = await client.send("card.add", {"client_id": "a", "title": title})
            assert (refused["type"], refused["data"]["code"]) == ("error", "invalid")


def test_what_is_gone_cannot_be_renamed(plan: Board) -> None:
    with pytest.raises(Refusal) as refused:
        actions.rename(plan, 1, "Milk")
    assert refused.value.code == ErrorCode.NOT_FOUND
