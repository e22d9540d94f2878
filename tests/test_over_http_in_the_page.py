"""A bake in Chromium where no WebSocket opens: people talk over HTTP, and then no longer."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Request, expect

from tests.conftest import Bake, Prepare
from tests.middlebox import Middlebox
from tests.people import Person
from tests.projects import Server, served

FRAMES = "/api/realtime/frames"
TAKEN_AWAY = "delete globalThis.WebSocket;"
BLOCKED = """
const Real = globalThis.WebSocket;
globalThis.WebSocket = class {
  constructor(...given) {
    if (globalThis.unblocked) return new Real(...given);
    sessionStorage.handshakes = Number(sessionStorage.handshakes ?? 0) + 1; // of all pages
    setTimeout(() => this.onclose?.({ code: 1006 }));
  }
  close() {}
};
"""
QUIET_MS = 3_000

Arrive = Callable[..., Person]


@pytest.fixture(scope="module", params=["daphne", "uvicorn"])
def site(
    request: pytest.FixtureRequest, bake: Bake, prepare: Prepare, python: Path, redis_url: str
) -> Iterator[Server]:
    project = bake(asgi_server=request.param)
    surroundings = served(
        REDIS_URL=redis_url,
        REDIS_PREFIX=f"{request.param}:",
        BUDGETS='{"rooms": [1000, 3600]}',
    )
    prepare(project, "seed_demo --force", **surroundings)
    with Server(python, project, surroundings) as server:
        yield server


@pytest.fixture
def arrive(browser: Browser, site: Server) -> Iterator[Arrive]:
    """Let a person come, signed in; in the end, nobody's console may have complained."""
    people: list[Person] = []

    def arrive(username: str, script: str = "", url: str = "") -> Person:
        person = Person(browser, site, username, {}, url=url)
        person.context.add_init_script(script)
        people.append(person)
        return person

    yield arrive
    for person in people:
        person.context.close()
    assert [complaint for person in people for complaint in person.complaints] == []


def test_people_talk_and_see_each_other_without_websockets(arrive: Arrive, site: Server) -> None:
    ada, grace = arrive("ada", TAKEN_AWAY), arrive("grace")
    room = ada.make_room("Over HTTP")
    grace.enter(room)
    ada.say("By HTTP.")
    expect(grace.said.last).to_have_text("By HTTP.")
    expect(ada.dot_of("grace")).to_have_attribute("data-presence", "online")
    expect(grace.dot_of("ada")).to_have_attribute("data-presence", "online")
    grace.say("By a WebSocket.")
    expect(ada.said.last).to_have_text("By a WebSocket.")

    ada.losses_expected = grace.losses_expected = True
    site.kill()
    ada.say("While the server is away.")
    site.start()
    expect(grace.said.last).to_have_text("While the server is away.")
    expect(ada.waiting).to_have_count(0)
    assert ada.said.all_inner_texts() == grace.said.all_inner_texts()


def test_a_page_goes_over_to_http_and_back(arrive: Arrive) -> None:
    ada, grace = arrive("ada", BLOCKED), arrive("grace")
    room = ada.make_room("There and back")
    # The last one when the server was known to answer.
    assert ada.page.evaluate("Number(sessionStorage.handshakes)") >= 3
    grace.enter(room)
    grace.note_changes(grace.dot_of("ada"))
    ada.say("By HTTP.")
    expect(grace.said.last).to_have_text("By HTTP.")
    with ada.page.expect_websocket():
        ada.page.evaluate("unblocked = true; dispatchEvent(new Event('online'))")
    open_again = "() => localStorage.getItem('realtime:over-http') === null"
    ada.page.wait_for_function(open_again)
    asked = counted(ada)
    ada.say("By a WebSocket.")
    expect(grace.said.last).to_have_text("By a WebSocket.")
    assert asked == []
    assert grace.noted_changes(grace.dot_of("ada")) == []


def test_a_proxy_without_websockets_is_met(
    arrive: Arrive, site: Server, request: pytest.FixtureRequest
) -> None:
    holds = request.node.callspec.params["site"] == "uvicorn"
    with Middlebox(site.port, holds=holds) as box:
        ada, grace = arrive("ada", "", box.url), arrive("grace")
        room = ada.make_room("Behind a proxy")
        assert box.refused >= 3
        grace.enter(room)
        ada.say("Through a proxy.")
        expect(grace.said.last).to_have_text("Through a proxy.")
        expect(grace.dot_of("ada")).to_have_attribute("data-presence", "online")
        grace.note_changes(grace.dot_of("ada"))
        for number in range(10):
            grace.say(f"{number}")
            expect(ada.said.last).to_have_text(f"{number}")
        asked = counted(ada)
        ada.page.wait_for_timeout(QUIET_MS)
        assert len(asked) <= 8  # what was said last, a heartbeat; a page that never rests asks 40
        assert grace.noted_changes(grace.dot_of("ada")) == []
        assert any("wait=25&known=" in each for each in box.requests) == holds
        ada.context.close()


def test_an_event_source_reads_a_room_and_comes_back(arrive: Arrive, site: Server) -> None:
    ada = arrive("ada")
    room = ada.make_room("Read by a dashboard")
    ada.page.evaluate(
        """topic => {
          const types = [];
          new EventSource(`/api/realtime/topics/${topic}`).onmessage = ({ data }) => {
            if (!/^(read|typing)$/.test(JSON.parse(data).type)) types.push(JSON.parse(data).type);
            document.body.dataset.types = types.join(" ");
          };
        }""",
        f"chat:{room.strip('/').split('/')[-1]}",
    )

    def came(types: str) -> None:
        expect(ada.page.locator("body")).to_have_attribute("data-types", types)

    came("welcome reset")
    ada.say("Once.")
    came("welcome reset message.created")
    ada.losses_expected = True
    site.kill()
    site.start()
    came("welcome reset message.created welcome changes")
    ada.say("Twice.")
    came("welcome reset message.created welcome changes message.created")


def test_signing_out_ends_a_page_over_http(arrive: Arrive) -> None:
    ada = arrive("ada", TAKEN_AWAY)
    ada.make_room("Signed out")
    elsewhere = ada.context.new_page()
    elsewhere.goto("/")
    elsewhere.get_by_role("button", name="Your account").click()
    elsewhere.get_by_role("button", name="Sign out").click()
    expect(ada.page.get_by_text("You are signed out.")).to_be_visible()


def counted(person: Person) -> list[str]:
    """The requests for frames that a page makes from now on."""
    asked: list[str] = []

    def note(request: Request) -> None:
        if FRAMES in request.url:
            asked.append(request.url)

    person.page.on("request", note)
    return asked
