"""How a page loads, in Chromium and from a site as in production: what it asks for, and how fast.

`make test FILES=tests/test_loading.py` ends with a table of times. The browser comes for the first
time, over networks that Chromium plays, on a machine four times slower than this one.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, StorageState, expect

from tests.conftest import Bake, Prepare
from tests.people import DESK, Person
from tests.projects import Server, served
from tests.tables import Table, shown_at_the_end

ROOM, TOPIC = "/rooms/general/", "chat:general"
PAGES = [ROOM, "/", "/people/", "/notifications/", "/settings/notifications/", "/settings/profile/"]
REQUESTS = 25
FOR_EVER = "max-age=315360000, public, immutable"

MEGABITS_AND_MS = [(9.0, 20), (1.6, 150), (0.4, 400)]
SLOWER = 4
RUNS = 3
LOOK_MS = 50

# The time at which a message is first in the window, and something is drawn.
FIRST_MESSAGE = """
const look = () => {
  const { top } = document.querySelector("[data-seq]")?.getBoundingClientRect() ?? {};
  const painted = performance.getEntriesByName("first-contentful-paint").length;
  if (painted && top < innerHeight) window.firstMessageMs = performance.now();
  else requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""

# What collectstatic makes one file of; the last two stay files of their own.
MODULES = {
    "odd/state.js": """
let runs = 0;
if (!runs) {
  await null;
  runs += 1;
}
export const seen = () => `${runs} run`;
""",
    "odd/late.js": "const modules = `late`;\nexport { modules as late };\n",
    "odd/again.js": """
export { seen } from "./state.js";
export async function later() {
  return (await import("./late.js")).late;
}
""",
    "odd/own.js": 'import * as state from "./state.js";\nexport const own = state.seen();\n',
    "odd.js": """
import { later as soon, seen } from "./odd/again.js";
import { own } from "./odd/own.js";
export const said = [seen(), own, await soon()];
""",
}

Event = dict[str, Any]  # Any: of Chromium's protocol

table = shown_at_the_end(
    Table(
        f"A room, for the first time, on a machine {SLOWER} times slower",
        *("Mbit/s", "ms", "requests", "KB", "first message, s", "live, s"),
    )
)


@pytest.fixture(scope="module")
def server(bake: Bake, prepare: Prepare, python: Path, redis_url: str) -> Iterator[Server]:
    project = bake()
    (project / "static/odd").mkdir()
    for name, source in MODULES.items():
        (project / "static" / name).write_text(source, encoding="utf-8")
    surroundings = served(REDIS_URL=redis_url)
    prepare(project, "seed_demo --force", **surroundings)
    with Server(python, project, surroundings) as server:
        yield server


@pytest.fixture(scope="module")
def cookies(browser: Browser, server: Server) -> StorageState:
    sessions: dict[str, StorageState] = {}
    Person(browser, server, "ada", sessions).context.close()
    return sessions["ada"]


@pytest.fixture
def visitor(browser: Browser, server: Server, cookies: StorageState) -> Iterator[BrowserContext]:
    """Ada's browser, which was never here; in the end its console may not have complained."""
    complaints: list[str] = []
    context = browser.new_context(base_url=server.url, viewport=DESK, storage_state=cookies)
    context.on("console", lambda message: complaints.append(message.text))
    yield context
    context.close()
    assert complaints == []


class Visit:
    """A page, from the request for it until nothing more comes.

    Attributes:
        html: the page as it came.
        urls: what was asked for, in this order.
        kept: for how long a browser may keep each of these, as the server says.
        kilobytes: all that came, with headers, and compressed as it was.
        first_message: the seconds until a message was there to read.
        live: the seconds until the server said something of the room.
    """

    def __init__(
        self, visitor: BrowserContext, path: str, network: tuple[float, int] | None = None
    ) -> None:
        self.urls: list[str] = []
        self.kept: dict[str, str] = {}
        self.kilobytes = self.first_message = self.live = 0.0
        self._began = 0.0
        self._page = visitor.new_page()
        self._devtools = visitor.new_cdp_session(self._page)
        self._devtools.on("Network.requestWillBeSent", self._asked)
        self._devtools.on("Network.responseReceived", self._answered)
        self._devtools.on("Network.loadingFinished", self._came)
        self._devtools.on("Network.webSocketCreated", lambda event: self.urls.append(event["url"]))
        self._devtools.on("Network.webSocketFrameReceived", self._heard)
        self._devtools.send("Network.enable")
        if network:
            self._slow_down(*network)
        self._page.add_init_script(FIRST_MESSAGE)
        response = self._page.goto(path, wait_until="networkidle")
        assert response
        self.html = response.text()
        if path == ROOM:
            self._read()
        self._page.close()

    def _slow_down(self, megabits: float, milliseconds: int) -> None:
        rates = dict.fromkeys(("downloadThroughput", "uploadThroughput"), megabits * 125_000)
        network = {"offline": False, "latency": milliseconds, **rates}
        self._devtools.send("Network.emulateNetworkConditions", network)
        self._devtools.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})

    def _read(self) -> None:
        while not self.live:
            self._page.wait_for_timeout(LOOK_MS)
        self.first_message = self._page.evaluate("window.firstMessageMs") / 1000

    def _asked(self, event: Event) -> None:
        self._began = self._began or event["timestamp"]
        if not event["request"]["url"].startswith("data:"):
            self.urls.append(event["request"]["url"])

    def _answered(self, event: Event) -> None:
        headers = {name.lower(): value for name, value in event["response"]["headers"].items()}
        self.kept[event["response"]["url"]] = headers.get("cache-control", "")

    def _came(self, event: Event) -> None:
        self.kilobytes += event["encodedDataLength"] / 1000

    def _heard(self, event: Event) -> None:
        if json.loads(event["response"]["payloadData"]).get("topic") == TOPIC:
            self.live = self.live or event["timestamp"] - self._began


@pytest.mark.parametrize("path", PAGES)
def test_a_page_asks_for_few_files(visitor: BrowserContext, path: str) -> None:
    urls = Visit(visitor, path).urls
    assert len(urls) <= REQUESTS, urls


@pytest.mark.parametrize("path", PAGES)
def test_a_page_names_each_script_and_style_sheet_itself(
    visitor: BrowserContext, server: Server, path: str
) -> None:
    visit = Visit(visitor, path)
    asked = {url.removeprefix(server.url) for url in visit.urls if url.endswith((".js", ".css"))}
    named = re.findall(r'<(?:link|script)[^>]*\b(?:href|src)="([^"]+)"', visit.html)
    assert asked - set(named) == set()
    assert any(path.startswith("/static/modules.") for path in asked)


def test_a_browser_keeps_for_ever_what_a_page_asks_for(
    visitor: BrowserContext, server: Server
) -> None:
    kept = Visit(visitor, ROOM).kept
    assert {url for url in kept if kept[url] != FOR_EVER} == {f"{server.url}{ROOM}"}


def test_the_demo_asks_for_few_files_too(
    server: Server, python: Path, visitor: BrowserContext
) -> None:
    with Server(python, server.project, served(BUNDLE="true")) as demo:
        urls = Visit(visitor, f"{demo.url}{ROOM}").urls
        assert len(urls) <= REQUESTS, urls
        script = server.project / "static/js/site.js"
        change = "document.body.classList.add('changed');\n"
        script.write_text(script.read_text("utf-8") + change, encoding="utf-8")
        page = visitor.new_page()
        page.goto(f"{demo.url}/")
        expect(page.locator("body.changed")).to_be_attached()
        page.close()


def test_a_room_can_be_read_without_scripts(
    browser: Browser, server: Server, cookies: StorageState
) -> None:
    with browser.new_context(
        base_url=server.url, storage_state=cookies, java_script_enabled=False
    ) as context:
        page = context.new_page()
        page.goto(ROOM)
        expect(page.locator("[data-seq]").last).to_be_visible()
        expect(page.get_by_text("Loading messages…")).to_be_hidden()


def test_modules_run_once_and_in_their_order(visitor: BrowserContext, server: Server) -> None:
    names = json.loads((server.project / "staticfiles/staticfiles.json").read_text("utf-8"))
    page = visitor.new_page()
    page.goto("/")
    said = page.evaluate(
        "async (url) => (await import(url)).said", f"/static/{names['paths']['odd.js']}"
    )
    assert said == ["1 run", "1 run", "late"]


@pytest.mark.parametrize("network", MEGABITS_AND_MS, ids="{0[0]} Mbit/s, {0[1]} ms".format)
def test_how_fast_a_room_is_there(
    browser: Browser, server: Server, cookies: StorageState, network: tuple[float, int]
) -> None:
    visits = []
    for _ in range(RUNS):
        with browser.new_context(
            base_url=server.url, viewport=DESK, storage_state=cookies
        ) as context:
            visits.append(Visit(context, ROOM, network))
    table.add(
        *network,
        max(len(visit.urls) for visit in visits),
        max(visit.kilobytes for visit in visits),
        median(visit.first_message for visit in visits),
        median(visit.live for visit in visits),
    )
