"""Previews of links in Chromium: the server looks at a page, and readers see what it says."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from playwright.sync_api import FloatRect, Locator, expect

from tests.conftest import Bake, Manage, Serve
from tests.people import Person
from tests.projects import Server

HISTORY = """
from accounts.models import User
from chat import actions
from chat.models import Room

room, ada = Room.objects.get(slug="{slug}"), User.objects.get(username="ada")
for number in range(60):
    actions.post_message(room, ada, body=f"line {{number}}", client_id=f"line-{{number}}")
"""
EDITED = """
from accounts.models import User
from chat import actions
from chat.models import Room

room, ada = Room.objects.get(slug="{slug}"), User.objects.get(username="ada")
actions.edit_message(room, ada, seq={seq}, body="{body}")
"""
PAGE = (
    "<title>Night trains of Europe</title>"
    '<meta property="og:description" content="All of them, <b>on one map</b>.">'
    '<meta property="og:image" content="/map.png"><link rel="icon" href="/icon.png">'
)


class Website(ThreadingHTTPServer):
    """Somebody else's site, of one page at all addresses; counts who asks."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_port}/"


class _Handler(BaseHTTPRequestHandler):
    server: Website

    def do_GET(self) -> None:
        self.server.asked.append(f"{self.path} {self.headers['User-Agent'].split('/')[0]}")
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(PAGE.encode())

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def website() -> Iterator[Website]:
    with Website() as website:
        thread = Thread(target=website.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield website
        website.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def site(bake: Bake, demo: Serve) -> Server:
    return demo(bake(), LINK_PREVIEWS="true", ALLOW_PRIVATE_ADDRESSES="true")


def run(manage: Manage, site: Server, code: str, room: str, **values: object) -> None:
    code = code.format(slug=room.removeprefix("/rooms/").strip("/"), **values)
    manage(site.project, "shell", "-c", code, **site.environment)


def box(element: Locator) -> FloatRect:
    found = element.bounding_box()
    assert found
    return found


def test_readers_see_what_a_page_says_and_ask_nothing_of_it(
    ada: Person, grace: Person, room: str, website: Website
) -> None:
    ada.say(f"Look: {website.url}")
    card = grace.message("Look").locator("[data-part=preview]")
    expect(card).to_be_in_viewport(ratio=1)
    expect(card).to_have_accessible_name(
        "127.0.0.1 Night trains of Europe All of them, <b>on one map</b>."
    )
    expect(card).to_have_attribute("href", website.url)
    expect(card).to_have_attribute("rel", "noopener noreferrer nofollow ugc")
    grace.page.reload()
    grace.comes_in()
    expect(card).to_be_in_viewport(ratio=1)
    expect(ada.message("Look").get_by_text("edited", exact=True)).to_be_hidden()
    assert website.asked == ["/ LinkPreview"]


def test_whoever_was_away_catches_up_with_previews(
    ada: Person, grace: Person, room: str, website: Website
) -> None:
    ada.say(f"Look: {website.url}")
    card = grace.message("Look").locator("[data-part=preview]")
    expect(card).to_be_visible()
    grace.lose_the_connection()
    ada.say(f"And: {website.url}more")
    expect(ada.message("And").locator("[data-part=preview]")).to_be_visible()
    ada.message("Look").hover()
    ada.message("Look").get_by_role("button", name="More").click()
    ada.page.get_by_role("button", name="Delete").click()
    ada.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(ada.message("Look")).to_have_count(0)
    grace.find_the_connection()
    expect(grace.message("And").locator("[data-part=preview]")).to_be_visible()
    expect(grace.message("This message was deleted.")).to_be_visible()
    expect(grace.page.locator(".link-preview:visible")).to_have_count(1)


def test_a_preview_comes_above_what_is_read_and_nothing_moves(
    grace: Person, room: str, site: Server, manage: Manage, website: Website
) -> None:
    run(manage, site, HISTORY, room)
    grace.page.goto(f"{room}?at=36")
    grace.comes_in()
    read, above = grace.message("line 35"), grace.page.locator("[data-seq='16']")
    expect(read).to_be_in_viewport(ratio=1)
    top, height = box(read)["y"], box(above)["height"]

    run(manage, site, EDITED, room, seq=16, body=website.url)
    expect(above.locator("[data-part=preview]")).to_be_visible()
    expect(above).not_to_be_in_viewport()
    assert box(above)["height"] > height + 50
    assert box(read)["y"] == pytest.approx(top, abs=1)
