"""The browser's side of a feed: realtime/static/realtime/feed.js in Chromium.

The socket is a stand-in; the test sends what a server would.
"""

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.pages import SITE, serve_source

Json = dict[str, Any]  # Any: JSON

EPOCH = "first"
TOPIC = "board:plan"

HARNESS = """
import { Feed } from "/realtime/feed.js";
import { Socket } from "/realtime/socket.js";

class Wire {
  constructor() {
    window.wire = this;
    window.connections = (window.connections ?? 0) + 1;
    this.sent = [];
    queueMicrotask(() => this.onopen());
  }
  send(text) { this.sent.push(JSON.parse(text)); }
  close() {}
}

// What a view has drawn that follows the changes alone.
window.drawn = () => {
  const titles = new Map();
  for (const { added, updated, removed } of window.changes) {
    for (const { seq } of removed) if (!titles.delete(seq)) throw new Error(`${seq} was not there`);
    for (const { seq, title } of added) {
      if (titles.has(seq)) throw new Error(`${seq} was there`);
      titles.set(seq, title);
    }
    for (const { seq, title } of updated) {
      if (!titles.has(seq)) throw new Error(`${seq} was not there`);
      titles.set(seq, title);
    }
  }
  return Array.from(titles).sort(([a], [b]) => a - b).map(([, title]) => title);
};

window.begin = (wire, itemOf) => prepare(wire, null, null, itemOf);
window.prepare = (wire, page, place, itemOf) => {
  const socket = new Socket("/ws/", { WebSocket: Wire, backoff: { next: () => 0, reset() {} } });
  window.feed = new Feed(socket.topic("board:plan"), wire);
  if (itemOf) window.feed.itemOf = itemOf;
  window.changes = [];
  window.feed.addEventListener("change", ({ detail }) => window.changes.push(detail));
  if (page) window.feed.begin(place, page);
  window.feed.join();
  socket.connect();
};
window.ready = true;
"""


class Board:
    """A page with one feed, and the server's end of its socket."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def begin(self, wire: Json | None = None, item_of: str = "null") -> None:
        """Join, with these names on the wire and this function to find an event's item."""
        self._page.evaluate(f"wire => begin(wire, {item_of})", wire or {})
        self.is_asked("join")

    def is_asked(self, command: str, data: Json | None = None) -> None:
        """Wait until the latest thing sent is this command, with this data if it is given."""
        self._page.wait_for_function(
            "([type, data]) => { const last = wire.sent.at(-1); return last?.type === type &&"
            " (data === null || JSON.stringify(last.data) === data); }",
            arg=[command, data and json.dumps(data, separators=(",", ":"))],
        )

    def hears(self, *frames: Json) -> None:
        for frame in frames:
            text = json.dumps({"topic": TOPIC, **frame})
            self._page.evaluate("data => wire.onmessage({ data })", text)

    def answers(self, data: Json, kind: str = "ok", **envelope: int) -> None:
        """Answer the latest command."""
        request = self._page.evaluate("wire.sent.at(-1).id")
        self.hears({"id": request, "type": kind, "data": data, **envelope})

    def load(self, what: str) -> None:
        self._page.evaluate(f"void (window.loading = feed.{what})")
        self.is_asked("list")

    def is_loaded(self) -> None:
        self._page.evaluate("loading")

    def load_older(self) -> None:
        self.load("loadOlder(2)")

    def loses_the_connection(self) -> None:
        seen = self._page.evaluate("connections")
        self._page.evaluate("wire.onclose({ code: 1006 })")
        self._page.wait_for_function("seen => connections > seen", arg=seen)
        self.is_asked("join")

    def does(self, code: str) -> Any:  # Any: JSON
        return self._page.evaluate(code)

    @property
    def titles(self) -> list[str]:
        titles: list[str] = self._page.evaluate("feed.items.map(({ title }) => title)")
        return titles

    def last_change(self) -> dict[str, list[str]]:
        """What the latest `change` told of, by title."""
        change: dict[str, list[str]] = self._page.evaluate(
            "Object.fromEntries(['added', 'updated', 'removed'].map("
            "name => [name, changes.at(-1)[name].map(({ title }) => title)]))"
        )
        return change


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    context.set_default_timeout(10_000)
    page = context.new_page()
    serve_source(page, HARNESS)
    yield page
    context.close()


@pytest.fixture
def board(page: Page) -> Iterator[Board]:
    faults: list[str] = []

    def note(error: Exception) -> None:
        faults.append(str(error))

    page.on("pageerror", note)
    page.goto(f"{SITE}/")
    page.wait_for_function("window.ready")
    yield Board(page)
    page.remove_listener("pageerror", note)
    assert faults == []


def card(seq: int, title: str, rev: int | None = None, *, deleted: bool = False) -> Json:
    deleted_at = "2026-01-01T12:00:00Z" if deleted else None
    return {"seq": seq, "rev": rev or seq, "title": title, "deleted_at": deleted_at}


def welcome(rev: int, *items: Json, more: bool = False, epoch: str = EPOCH) -> Json:
    data = {"epoch": epoch, "items": items, "more": more}
    return {"type": "welcome", "rev": rev, "data": data}


def changes(rev: int, *items: Json) -> Json:
    data = {"epoch": EPOCH, "items": items, "more": False}
    return {"type": "changes", "rev": rev, "data": data}


def event(change: str, item: Json) -> Json:
    return {"type": f"card.{change}", "rev": item["rev"], "data": item}


ONE, TWO, THREE = card(1, "one"), card(2, "two"), card(3, "three")


def test_items_are_those_of_the_welcome_and_of_every_event_after_it(board: Board) -> None:
    board.begin()

    board.hears(welcome(2, ONE, TWO))
    assert board.last_change() == {"added": ["one", "two"], "updated": [], "removed": []}
    board.hears(event("created", THREE))
    assert board.last_change() == {"added": ["three"], "updated": [], "removed": []}
    board.hears(event("updated", card(1, "uno", rev=4)))
    assert board.last_change() == {"added": [], "updated": ["uno"], "removed": []}

    assert board.titles == ["uno", "two", "three"]


def test_events_out_of_order_are_applied_in_order(board: Board) -> None:
    board.begin()
    board.hears(welcome(2, ONE, TWO))

    board.hears(event("updated", card(3, "drei", rev=4)))
    assert board.titles == ["one", "two"]
    board.hears(event("created", THREE))

    assert board.titles == ["one", "two", "drei"]


def test_what_comes_twice_changes_nothing(board: Board) -> None:
    board.begin()
    board.hears(welcome(2, ONE, TWO), event("updated", card(1, "uno", rev=3)))

    board.hears(event("updated", card(1, "uno", rev=3)), event("created", TWO))
    board.does("feed.put([{ seq: 1, rev: 1, title: 'one', deleted_at: null }])")

    assert board.last_change() == {"added": [], "updated": [], "removed": []}
    assert board.titles == ["uno", "two"]


def test_a_command_shows_its_item_before_the_event_comes(board: Board) -> None:
    board.begin()
    board.hears(welcome(2, ONE, TWO))

    board.does("void feed.command('rename', { seq: 2, title: 'zwei' })")
    board.is_asked("rename", {"seq": 2, "title": "zwei"})
    board.answers(card(2, "zwei", rev=3))
    assert board.titles == ["one", "zwei"]
    board.hears(event("updated", card(2, "zwei", rev=3)))

    assert board.last_change() == {"added": [], "updated": [], "removed": []}


def test_a_gap_is_asked_for(board: Board) -> None:
    board.begin()
    board.hears(welcome(2, ONE, TWO))

    board.hears({"type": "heartbeat", "rev": 5})
    board.is_asked("changes", {"since": 2, "epoch": EPOCH})
    changes = [THREE, card(2, "two", rev=4, deleted=True), card(1, "uno", rev=5)]
    board.answers({"epoch": EPOCH, "items": changes, "more": False}, "changes", rev=5)

    assert board.last_change() == {"added": ["three"], "updated": ["uno"], "removed": ["two"]}
    assert board.titles == ["uno", "three"]


def test_after_a_loss_only_what_was_missed_is_asked_for(board: Board) -> None:
    board.begin()
    board.hears(welcome(2, ONE, TWO))

    board.loses_the_connection()
    board.is_asked("join", {"since": 2, "epoch": EPOCH})
    uno = card(1, "uno", rev=4)
    board.hears(welcome(4, uno, THREE))
    changes = [card(2, "two", rev=3, deleted=True), uno]
    board.hears(
        {"type": "changes", "rev": 4, "data": {"epoch": EPOCH, "items": changes, "more": False}}
    )

    assert board.titles == ["uno", "three"]
    assert board.does("changes.filter(({ started }) => started).length") == 1


def test_a_reset_begins_anew_even_with_lower_numbers(board: Board) -> None:
    board.begin()
    board.hears(welcome(9, card(8, "eight"), card(9, "nine"), more=True))

    board.loses_the_connection()
    board.hears(welcome(2, ONE, TWO, epoch="second"))
    board.hears({**welcome(2, ONE, TWO, epoch="second"), "type": "reset"})

    assert board.last_change()["added"] == ["one", "two"]
    assert set(board.last_change()["removed"]) >= {"eight", "nine"}
    assert board.titles == ["one", "two"]
    assert board.does("feed.more") is False
    board.hears(event("created", THREE))
    assert board.titles == ["one", "two", "three"]


def test_a_deleted_item_goes_and_no_late_copy_brings_it_back(board: Board) -> None:
    board.begin()
    board.hears(welcome(2, ONE, TWO))

    board.hears(event("deleted", card(1, "", rev=3, deleted=True)))
    assert board.last_change() == {"added": [], "updated": [], "removed": ["one"]}
    board.does("feed.put([{ seq: 1, rev: 1, title: 'one', deleted_at: null }])")

    assert board.titles == ["two"]
    assert board.does("feed.get(1)") is None


def test_deleted_items_are_kept_where_the_owner_says_so(board: Board) -> None:
    board.begin({"keepDeleted": True})
    board.hears(welcome(2, ONE, TWO))

    board.hears(event("deleted", card(1, "gone", rev=3, deleted=True)))

    assert board.last_change() == {"added": [], "updated": ["gone"], "removed": []}
    assert board.titles == ["gone", "two"]


def test_older_items_come_a_page_at_a_time(board: Board) -> None:
    board.begin()
    board.hears(welcome(4, THREE, card(4, "four"), more=True))

    board.hears(event("updated", card(2, "zwei", rev=5)))
    assert board.titles == ["three", "four"]  # its page will bring it
    board.load_older()
    board.is_asked("list", {"before": 3, "limit": 2})
    board.answers({"items": [ONE, card(2, "zwei", rev=5)], "more": False})
    board.is_loaded()

    assert board.titles == ["one", "zwei", "three", "four"]
    assert board.does("[changes.at(-1).page, feed.more, feed.floor]") == ["older", False, 0]
    asked = board.does("wire.sent.length")
    assert board.does("feed.loadOlder().then(() => wire.sent.length)") == asked


def test_what_changes_while_its_page_is_on_the_way_is_shown_as_it_is_now(board: Board) -> None:
    board.begin()
    board.hears(welcome(4, THREE, card(4, "four"), more=True))

    board.load_older()
    sent = {"items": [ONE, TWO], "more": False}
    request = board.does("wire.sent.at(-1).id")
    board.hears(event("updated", card(1, "uno", rev=5)))
    board.hears(event("deleted", card(2, "", rev=6, deleted=True)))
    board.hears({"id": request, "type": "ok", "data": sent})
    board.is_loaded()

    assert board.titles == ["uno", "three", "four"]
    assert board.last_change() == {"added": ["uno"], "updated": [], "removed": []}


def test_a_page_that_is_ahead_of_the_events_is_right(board: Board) -> None:
    board.begin()
    board.hears(welcome(4, THREE, card(4, "four"), more=True))

    board.load_older()
    request = board.does("wire.sent.at(-1).id")
    board.hears(event("updated", card(1, "uno", rev=5)))
    page = {"items": [card(1, "eins", rev=6), TWO], "more": False}
    board.hears({"id": request, "type": "ok", "data": page})
    board.is_loaded()

    assert board.titles == ["eins", "two", "three", "four"]


def test_a_page_is_asked_for_once_and_again_after_a_refusal(board: Board) -> None:
    board.begin()
    board.hears(welcome(4, THREE, card(4, "four"), more=True))

    board.does("void (window.both = Promise.allSettled([feed.loadOlder(2), feed.loadOlder(2)]))")
    board.is_asked("list", {"before": 3, "limit": 2})
    board.answers({"code": "unavailable", "detail": "Try again."}, "error")
    reasons = board.does("both.then((all) => all.map(({ reason }) => reason.code))")
    assert reasons == ["unavailable", "unavailable"]
    assert board.does("wire.sent.filter(({ type }) => type === 'list').length") == 1
    board.load_older()
    board.answers({"items": [ONE, TWO], "more": False})
    board.is_loaded()

    assert board.titles == ["one", "two", "three", "four"]


def test_a_page_from_before_a_reset_is_dropped(board: Board) -> None:
    board.begin()
    board.hears(welcome(4, THREE, card(4, "four"), more=True))

    board.load_older()
    request = board.does("wire.sent.at(-1).id")
    board.hears({**welcome(1, card(1, "new one"), epoch="second"), "type": "reset"})
    board.hears({"id": request, "type": "ok", "data": {"items": [TWO], "more": True}})
    board.is_loaded()

    assert board.titles == ["new one"]
    assert board.does("feed.more") is False


def test_what_was_trimmed_can_be_loaded_again(board: Board) -> None:
    board.begin()
    board.hears(welcome(3, ONE, TWO, THREE))

    board.does("feed.trim(1)")
    assert board.last_change() == {"added": [], "updated": [], "removed": ["one", "two"]}
    assert board.titles == ["three"]
    board.load_older()
    board.is_asked("list", {"before": 3, "limit": 2})
    board.answers({"items": [ONE, TWO], "more": False})
    board.is_loaded()

    assert board.titles == ["one", "two", "three"]


def test_a_feed_begins_with_what_came_with_the_page(board: Board) -> None:
    page = {"items": [TWO, THREE], "more": True, "newer": True}
    board.does(f"prepare({{}}, {json.dumps(page)}, {{ rev: 5, epoch: 'first' }})")
    assert board.titles == ["two", "three"]
    board.is_asked("join", {"since": 5, "epoch": "first"})
    board.hears({"type": "welcome", "rev": 6, "data": {"epoch": EPOCH}})
    board.hears(changes(6, card(2, "zwei", rev=6), card(9, "unseen", rev=6)))
    assert board.titles == ["zwei", "three"]

    board.load("loadNewer(2)")
    board.is_asked("list", {"after": 3, "limit": 2})
    board.hears(event("created", card(7, "seven")))
    board.answers({"items": [card(4, "four"), card(5, "five")], "more": True, "newer": True})
    board.is_loaded()
    assert board.titles == ["zwei", "three", "four", "five"]
    assert board.does("changes.at(-1).page") == "newer"
    board.load("loadNewer(2)")
    board.is_asked("list", {"after": 5, "limit": 2})
    board.answers({"items": [card(7, "seven")], "more": True, "newer": False})
    board.is_loaded()
    board.hears(event("created", card(8, "eight")))
    assert board.titles == ["zwei", "three", "four", "five", "seven", "eight"]
    asked = board.does("wire.sent.length")
    assert board.does("feed.loadNewer().then(() => wire.sent.length)") == asked


def test_a_page_around_an_item_comes_in_place_of_the_others(board: Board) -> None:
    board.begin()
    board.hears(welcome(9, card(8, "eight"), card(9, "nine"), more=True))

    board.load("loadAround(3, 3)")
    board.is_asked("list", {"around": 3, "limit": 3})
    board.hears(event("updated", card(3, "drei", rev=10)))
    board.answers({"items": [TWO, THREE, card(4, "four")], "more": True, "newer": True})
    board.is_loaded()
    assert board.titles == ["two", "drei", "four"]
    assert board.does("changes.at(-1).page") == "other"
    assert board.last_change()["removed"] == ["eight", "nine"]
    assert board.does("[feed.floor, feed.ceiling, feed.more, feed.newer]") == [2, 4, True, True]

    board.load("loadLatest(2)")
    board.is_asked("list", {"limit": 2})
    board.hears(event("created", card(11, "eleven")))
    board.answers({"items": [card(8, "eight"), card(9, "nine")], "more": True, "newer": False})
    board.is_loaded()
    assert board.titles == ["eight", "nine", "eleven"]
    assert board.does("feed.newer") is False


def test_what_was_trimmed_at_the_newer_end_can_be_loaded_again(board: Board) -> None:
    board.begin()
    board.hears(welcome(3, ONE, TWO, THREE))

    board.does("feed.trimNewer(1)")
    assert board.last_change() == {"added": [], "updated": [], "removed": ["two", "three"]}
    board.hears(event("created", card(4, "four")))
    assert board.titles == ["one"]
    board.load("loadNewer(5)")
    board.is_asked("list", {"after": 1, "limit": 5})
    board.answers({"items": [TWO, THREE, card(4, "four")], "more": False, "newer": False})
    board.is_loaded()
    assert board.titles == ["one", "two", "three", "four"]


def test_a_feed_may_have_names_of_its_own(board: Board) -> None:
    item_of = "({ rev, data }) => data.card ?? { id: data.id, rev, deleted_at: true }"
    board.begin({"items": "cards", "list": "history", "key": "id"}, item_of)
    cards = [{"id": 70, **ONE}, {"id": 80, **TWO}]
    board.hears({"type": "welcome", "rev": 2, "data": {"epoch": EPOCH}})
    assert board.titles == []

    board.does("void (window.loading = feed.loadOlder())")
    board.is_asked("history", {"before": 3, "limit": 50})
    board.answers({"cards": cards, "more": False})
    board.is_loaded()
    moved = {"id": 70, **card(3, "one, moved")}
    board.hears({"type": "card.updated", "rev": 3, "data": {"card": moved}})
    assert board.titles == ["two", "one, moved"]
    board.hears({"type": "card.deleted", "rev": 4, "data": {"id": 80}})

    assert board.titles == ["one, moved"]


class BoardServer:
    """What the server's side of a feed does, over a network that loses, repeats and delays."""

    PAGE = 3

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.epoch = 0
        self.rev = 0
        self.cards: dict[int, Json] = {}
        self.on_the_way: list[Json] = []

    def change(self) -> None:
        self.rev += 1
        living = [card for card in self.cards.values() if not card["deleted_at"]]
        kind = self.chance.choice(["created", "created", "updated", "deleted"])
        if not living or kind == "created":
            changed, kind = card(self.rev, f"made at {self.rev}"), "created"
        else:
            seq = self.chance.choice(living)["seq"]
            changed = card(seq, f"as of {self.rev}", self.rev, deleted=kind == "deleted")
        self.cards[changed["seq"]] = changed
        self.on_the_way += [event(kind, changed)] * self.chance.choice([0, 1, 1, 1, 2])

    def restore(self) -> None:
        """Go back to a backup: an earlier state, in another epoch."""
        self.epoch += 1
        self.rev = self.rev // 2
        self.cards = {
            seq: card(seq, f"restored {self.epoch}") for seq in self.cards if seq <= self.rev
        }
        self.on_the_way.clear()

    def delay_one(self) -> None:
        """Let others overtake the next frame; those that a join brings stay in their order."""
        if self.on_the_way and self.on_the_way[0]["type"].startswith(("card.", "ok")):
            delayed = self.on_the_way.pop(0)
            self.on_the_way.insert(self.chance.randint(0, len(self.on_the_way)), delayed)

    def take(self, command: Json) -> None:
        """Answer as of now; the answer is on its way for as long as it takes."""
        data, reply = command["data"], {"id": command["id"]}
        if command["type"] == "join":
            frames = [{**reply, "type": "ok", "data": {}}, self.welcome()]
            frames += self.changes(data) if "since" in data else []
        elif command["type"] == "changes":
            frames = self.changes(data)
            frames[-1] |= reply
        else:
            frames = [{**reply, "type": "ok", "data": self.asked(**data)}]
        at = self.chance.randint(0, len(self.on_the_way))
        self.on_the_way[at:at] = frames

    def welcome(self) -> Json:
        page = self.page(self.rev + 1, self.PAGE)
        return welcome(self.rev, *page["items"], more=page["more"], epoch=str(self.epoch))

    def page(self, before: int, limit: int) -> Json:
        older = [card for card in self.living() if card["seq"] < before]
        return {"items": older[-limit:], "more": len(older) > limit}

    def asked(self, limit: int, around: int = -1, after: int = -1, before: int = -1) -> Json:
        place = max(around, after)
        if place < 0:
            page = self.page(before if before >= 0 else self.rev + 1, limit)
            return {**page, "newer": 0 <= before <= self.rev}
        newer = [card for card in self.living() if card["seq"] > place]
        page = {"items": newer[:limit], "more": True, "newer": len(newer) > limit}
        if around < 0:
            return page
        older = self.page(around + 1, limit)
        return {**page, "items": [*older["items"], *page["items"]], "more": older["more"]}

    def changes(self, data: Json) -> list[Json]:
        if data["epoch"] != str(self.epoch) or data["since"] > self.rev:
            return [{**self.welcome(), "type": "reset"}]
        missed = sorted(
            (card for card in self.cards.values() if card["rev"] > data["since"]),
            key=lambda card: card["rev"],
        )
        parts = [missed[i : i + self.PAGE] for i in range(0, len(missed), self.PAGE)] or [[]]
        frames = []
        for part in parts:
            last = part is parts[-1]
            told = {"epoch": str(self.epoch), "items": part, "more": not last}
            rev = self.rev if last else part[-1]["rev"]
            frames.append({"type": "changes", "rev": rev, "data": told})
        return frames

    def living(self) -> list[Json]:
        living = (card for card in self.cards.values() if not card["deleted_at"])
        return sorted(living, key=lambda card: card["seq"])

    def heartbeat(self) -> Json:
        return {"type": "heartbeat", "rev": self.rev}


@pytest.mark.parametrize("seed", range(12))
def test_whatever_the_network_does_the_page_ends_up_right(page: Page, seed: int) -> None:
    page.clock.install()
    page.goto(f"{SITE}/")
    page.wait_for_function("window.ready")
    board, server = Board(page), BoardServer(seed)
    chance = server.chance
    for _ in range(8):
        server.change()
    server.on_the_way.clear()

    def pass_on(count: int) -> None:
        for command in board.does("wire.sent.splice(0)"):
            server.take(command)
        if chance.random() < 0.4:
            server.delay_one()
        passed, server.on_the_way = server.on_the_way[:count], server.on_the_way[count:]
        board.hears(*passed)

    board.does("begin({})")
    for _ in range(150):
        step = chance.random()
        if step < 0.5:
            server.change()
        elif step < 0.56:
            page.clock.run_for(chance.choice([50, 250, 1000]))
        elif step < 0.63:
            board.does("void feed.loadOlder(2).catch(() => {})")
        elif step < 0.67:
            board.does("void feed.loadNewer(2).catch(() => {})")
        elif step < 0.68:
            seq = chance.randint(0, server.rev)
            board.does(f"void feed.loadAround({seq}, 2).catch(() => {{}})")
        elif step < 0.7:
            board.does("void feed.loadLatest(3).catch(() => {})")
        elif step < 0.75:
            board.hears(server.heartbeat())
        elif step < 0.78:
            server.on_the_way.clear()
            board.does("wire.onclose({ code: 1006 })")
            page.clock.run_for(10)
        elif step < 0.79:
            server.restore()
            board.does("wire.onclose({ code: 1006 })")
            page.clock.run_for(10)
        elif step < 0.82:
            board.does(chance.choice(["feed.trim(4)", "feed.trimNewer(4)"]))
        pass_on(chance.choice([0, 0, 1, 1, 6]))
    for _ in range(6):
        pass_on(1000)
        board.hears(server.heartbeat())
        page.clock.run_for(11_000)

    floor, ceiling = board.does("[feed.floor, Math.min(feed.ceiling, 1e9)]")
    living = server.living()
    shown = [card["title"] for card in living if floor <= card["seq"] <= ceiling]
    assert board.titles == shown
    assert board.does("drawn()") == shown
    assert board.does("feed.more") or floor == 0
    assert board.does("feed.newer") is (ceiling < 1e9)
