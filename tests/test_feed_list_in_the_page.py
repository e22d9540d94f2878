"""A feed without a script of the page's own: realtime/static/realtime/feed-list.js in Chromium.

The socket is a stand-in; the test sends what a server would.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.pages import SITE, serve_source

Json = dict[str, Any]  # Any: JSON

HARNESS = """
window.WebSocket = class {
  constructor() {
    window.wire = this;
    this.sent = [];
    queueMicrotask(() => this.onopen());
  }
  send(text) { this.sent.push(JSON.parse(text)); }
  close() {}
};
window.begin = (html) => {
  document.body.innerHTML = html;
  window.told = [];
  document.addEventListener("feed", ({ target, detail }) => {
    told.push([target.id, detail.items.length]);
  });
  return import("/realtime/feed-list.js");
};
window.ready = true;
"""
LIST = (
    '<ol id="plan" data-feed="board:plan"><li class="head">Cards</li>'
    '<li data-pk="11" data-rev="1">one</li><li data-pk="12" data-rev="2">two</li></ol>'
)


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    context.set_default_timeout(10_000)
    page = context.new_page()
    serve_source(page, HARNESS)
    yield page
    context.close()


class Cards:
    """A page with a list of cards, and the server's end of its socket."""

    def __init__(self, page: Page) -> None:
        self.page = page
        page.goto(f"{SITE}/")
        page.wait_for_function("window.ready")
        page.evaluate("html => begin(html)", LIST)
        page.wait_for_function("window.wire?.sent.at(-1)?.type === 'join'")
        assert page.evaluate("wire.sent.map(({ topic, type }) => [topic, type])") == [
            ["board:plan", "join"]
        ]

    def hears(self, *frames: Json) -> None:
        for frame in frames:
            text = json.dumps({"topic": "board:plan", **frame})
            self.page.evaluate("data => wire.onmessage({ data })", text)

    @property
    def texts(self) -> list[str]:
        found: list[str] = self.page.evaluate(
            "Array.from(document.querySelector('ol').children, (each) => each.textContent)"
        )
        return found


@pytest.fixture
def cards(page: Page) -> Iterator[Cards]:
    faults: list[str] = []

    def note(error: Exception) -> None:
        faults.append(str(error))

    page.on("pageerror", note)
    yield Cards(page)
    page.remove_listener("pageerror", note)
    assert faults == []


def card(pk: int, title: str, seq: int, rev: int, *, deleted: bool = False) -> Json:
    html = "" if deleted else f'\n<li data-pk="{pk}" data-rev="{rev}">{title}</li>\n'
    deleted_at = "2026-01-01T12:00:00Z" if deleted else None
    return {"pk": pk, "seq": seq, "rev": rev, "html": html, "deleted_at": deleted_at}


def welcome(rev: int, *items: Json, kind: str = "welcome", epoch: str = "first") -> Json:
    return {"type": kind, "rev": rev, "data": {"epoch": epoch, "items": items, "more": False}}


def event(change: str, item: Json) -> Json:
    return {"type": f"card.{change}", "rev": item["rev"], "data": item}


ONE, TWO = card(11, "one", 1, 1), card(12, "two", 2, 2)


def test_what_the_page_has_already_stays(cards: Cards) -> None:
    cards.page.evaluate("document.querySelector('[data-pk=\"11\"]').kept = true")
    cards.hears(welcome(2, ONE, TWO))
    assert cards.texts == ["Cards", "one", "two"]
    assert cards.page.evaluate("document.querySelector('[data-pk=\"11\"]').kept")
    assert cards.page.evaluate("told") == [["plan", 2]]


def test_what_became_of_it_since_the_page_was_made_is_shown(cards: Cards) -> None:
    cards.hears(welcome(5, card(12, "zwei", 2, 3), card(13, "three", 4, 4), card(14, "four", 5, 5)))
    assert cards.texts == ["Cards", "zwei", "three", "four"]


def test_each_change_is_shown(cards: Cards) -> None:
    cards.hears(welcome(2, ONE, TWO), event("created", card(13, "three", 3, 3)))
    assert cards.texts == ["Cards", "one", "two", "three"]
    cards.hears(event("updated", card(12, "zwei", 2, 4)))
    assert cards.texts == ["Cards", "one", "zwei", "three"]
    cards.hears(event("updated", card(11, "one", 5, 5)))  # moved to the end
    assert cards.texts == ["Cards", "zwei", "three", "one"]
    cards.hears(event("deleted", card(13, "", 3, 6, deleted=True)))
    assert cards.texts == ["Cards", "zwei", "one"]


def test_what_is_focused_in_an_item_stays_when_the_item_changes(cards: Cards) -> None:
    cards.hears(welcome(3, ONE, TWO, card(13, '<b>1</b><button id="old">plus</button>', 3, 3)))
    cards.page.focus("button")
    changed = '<button value="2">plus</button>'
    cards.hears(event("updated", card(13, f"<b>2</b>{changed}", 3, 4)))
    assert cards.texts == ["Cards", "one", "two", "2plus"]
    assert cards.page.evaluate("document.activeElement.outerHTML") == changed
    cards.hears(event("updated", card(13, "<b>3</b>", 3, 5)))
    assert cards.page.locator("li").last.evaluate("each => each.outerHTML") == (
        '<li data-pk="13" data-rev="5"><b>3</b></li>'
    )


@pytest.mark.parametrize(
    ("change", "left"),
    [
        (event("deleted", card(11, "", 1, 4, deleted=True)), ["Cards", "two", "three"]),
        (event("updated", card(11, "one", 4, 4)), ["Cards", "two", "three", "one"]),
    ],
    ids=["deleted", "moved"],
)
def test_what_is_typed_in_an_item_stays_when_an_earlier_one_goes(
    cards: Cards, change: Json, left: list[str]
) -> None:
    cards.hears(welcome(3, ONE, card(12, "two<input>", 2, 3), card(13, "three", 3, 3)))
    cards.page.locator("input").press_sequentially("Mi")
    cards.hears(change)
    cards.page.keyboard.type("lk")
    assert cards.texts == left
    assert cards.page.input_value("input") == "Milk"


def test_what_a_person_opened_or_closed_stays_so(cards: Cards) -> None:
    item = "<details><summary>{0}</summary></details><details open><summary>{0}</summary></details>"
    cards.hears(welcome(3, card(13, item.format("before"), 3, 3)))
    for summary in cards.page.locator("summary").all():
        summary.click()
    cards.hears(event("updated", card(13, item.format("after"), 3, 4)))
    assert cards.texts == ["Cards", "afterafter"]
    opened = "all => all.map(({ open }) => open)"
    assert cards.page.locator("details").evaluate_all(opened) == [True, False]


@pytest.mark.parametrize(("shown", "oldest"), [("2", 59), (None, 11)])
def test_a_list_keeps_as_many_as_it_shows(cards: Cards, shown: str | None, oldest: int) -> None:
    cards.page.evaluate(
        """async (shown) => {
            document.body.innerHTML = "<ul id=busy data-feed=board:busy></ul>";
            if (shown) busy.dataset.shown = shown;
            (await import("/realtime/feed-list.js")).follow(busy);
        }""",
        shown,
    )
    many = [card(pk, str(pk), pk, pk) for pk in range(1, 61)]
    busy = [welcome(50, *many[:50]), *(event("created", each) for each in many[50:])]
    cards.hears(*({**frame, "topic": "board:busy"} for frame in busy))
    kept = cards.page.locator("#busy li").all_inner_texts()
    assert kept == [str(pk) for pk in range(oldest, 61)]
    assert cards.page.evaluate("told.length") == 11


def test_a_list_that_begins_anew_has_what_the_server_has(cards: Cards) -> None:
    cards.hears(welcome(2, ONE, TWO))
    anew = [card(14, "four", 1, 1), card(12, "two", 2, 2)]
    cards.hears(welcome(2, *anew, kind="reset", epoch="second"))
    assert cards.texts == ["Cards", "four", "two"]


def test_a_list_that_comes_later_is_followed_once(cards: Cards) -> None:
    cards.page.evaluate(
        """async () => {
            document.body.append(Object.assign(document.createElement("ul"), {id: "later"}));
            later.dataset.feed = "board:later";
            const { follow } = await import("/realtime/feed-list.js");
            for (let times = 0; times < 2; times++) follow(later);
        }"""
    )
    cards.hears({**welcome(1, ONE), "topic": "board:later"})
    assert cards.page.locator("#later").inner_text() == "one"
    assert cards.page.evaluate("told") == [["later", 1]]


def test_code_in_an_item_is_not_run(cards: Cards) -> None:
    cards.hears(welcome(1, card(11, "<b>bold</b><script>window.hurt = true</script>", 1, 2)))
    assert cards.page.locator("b").count() == 1
    assert cards.page.evaluate("window.hurt") is None
