"""What pages look like, in Chromium: to axe in both themes at three widths, with names as long as
can be, and on a phone."""

import re
import subprocess
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, StorageState, expect

from tests.conftest import Bake, Manage, Prepare
from tests.people import PHONE, Person
from tests.programs import program
from tests.projects import Server, served

THEMES: list[Literal["light", "dark"]] = ["light", "dark"]
WIDTHS = (390, 320, 1280)

SEED = """
from accounts.models import User
from chat import actions
from chat.models import Room

ada, grace = (User.objects.get(username=name) for name in ("ada", "grace"))
User.objects.filter(pk=ada.pk).update(is_staff=True, is_superuser=True)
wide = User.objects.create(username="w" * 30, display_name="W" * 60)
room = actions.create_room(ada, name="W" * 60, about="W" * 60)
actions.enter(room, wide)
first = actions.post_message(room, wide, body=f"@ada {'W' * 90}", client_id="1")
actions.post_message(room, ada, body=f"@{wide.username}", client_id="2", reply_to=first.seq)
direct = actions.start_direct(ada, wide)
actions.post_message(direct, wide, body="Hello", client_id="3")
actions.invite(actions.create_room(wide, name=f"Asked {'W' * 60}", kind="private"), wide, ada)
actions.create_room(wide, name=f"Join {'W' * 60}")
actions.create_room(wide, name="Hidden", kind="private")
actions.create_room(ada, name="Empty")
actions.set_archived(actions.create_room(ada, name="Archived"), ada, archived=True)
print("seeded", room.slug, direct.slug)
"""

RUN_AXE = """async () => {
  await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
  await Promise.allSettled(document.getAnimations().map(({ finished }) => finished));
  const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
  const rules = { "label-content-name-mismatch": { enabled: true } };
  const { violations } = await axe.run({ runOnly: tags, rules });
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
}"""

STICKING_OUT = """() => Array.from(document.querySelectorAll("body *"))
  .filter((element) => element.checkVisibility({ visibilityProperty: true }))
  .filter((element) => !element.closest("svg, .visually-hidden, .skip-link"))
  .filter((element) => {
    const { left, right } = element.getBoundingClientRect();
    return left < -1 || right > innerWidth + 1;
  })
  .map(({ outerHTML }) => outerHTML.slice(0, 200))"""

OVERLAPS = """() => {
  const heads = ":is(.shell__header, .room__head) > :is(a, button, .room__title)";
  const all = Array.from(document.querySelectorAll(heads));
  const shown = all.filter((each) => each.checkVisibility());
  const boxes = shown.map((each) => each.getBoundingClientRect());
  const meet = (one, other) =>
    Math.max(one.left, other.left) < Math.min(one.right, other.right) &&
    Math.max(one.top, other.top) < Math.min(one.bottom, other.bottom);
  return boxes.some((one, place) => boxes.slice(place + 1).some((other) => meet(one, other)));
}"""

COLOURS = """() => {
  const colour = (element) => getComputedStyle(element).backgroundColor;
  const room = document.querySelector(".room");
  const line = document.querySelector(".message--mentions-you");
  const { left, right, top } = line.getBoundingClientRect();
  const whose = (element) => {
    const box = element.getBoundingClientRect();
    const isWhole = box.left === left && box.right === right;
    return colour(element) === colour(room) && isWhole ? "room" : "own";
  };
  const [day, unread] = ["day", "unread"].map((each) => line.querySelector(`.message__${each}`));
  unread.hidden = false;
  const { top: start, bottom } = day.getBoundingClientRect();
  const isWhole = start <= top && unread.getBoundingClientRect().top <= bottom + 4;
  return { day: isWhole ? whose(day) : "gap", unread: whose(unread), message: whose(line) };
}"""

Open = Callable[[Page], object]


def at(path: str) -> Open:
    return lambda page: page.goto(path)


def room(page: Page, path: str = "/rooms/general/") -> None:
    page.goto(path)
    expect(page.locator("[data-state=joined]")).to_be_visible()


def action(name: str) -> Open:
    def open_it(page: Page) -> None:
        room(page)
        page.locator("[data-seq]").last.focus()
        page.locator(f".toolbar [data-action={name}]").click()

    return open_it


def emoji_picker(page: Page) -> None:
    action("react")(page)
    page.get_by_role("button", name="More emoji").click()
    expect(page.locator("#emoji-choices > li").first).to_be_visible()


def panel(page: Page) -> None:
    room(page)
    page.locator("[data-part=panel-toggle]").click()


def menu_of_a_person(page: Page) -> None:
    panel(page)
    page.locator(".member__menu:visible").first.click()


def question(page: Page) -> None:
    panel(page)
    page.get_by_role("button", name="Leave the room").click()


def keys(page: Page) -> None:
    room(page)
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Keys")).to_be_visible()


def switcher(page: Page) -> None:
    room(page)
    page.keyboard.press("Control+k")
    page.keyboard.type("g")
    expect(page.locator("#places > li").first).to_be_visible()


def completion(page: Page) -> None:
    room(page)
    page.get_by_label("Write a message").fill("")  # what was written before is kept
    page.get_by_label("Write a message").press_sequentially(":sm")
    expect(page.locator("#completion > li").first).to_be_visible()


def bell(page: Page) -> None:
    room(page)
    page.locator("#bell").click()


def account(page: Page) -> None:
    room(page)
    page.get_by_role("button", name="Your account").click()


def refused_invitation(page: Page) -> None:
    panel(page)
    page.get_by_label("Username of somebody to invite").fill("nobody")
    page.get_by_role("button", name="Invite", exact=True).click()
    expect(page.get_by_text("There is nobody called @nobody.")).to_be_visible()


def offline(page: Page) -> None:
    room(page)
    page.evaluate("document.querySelector('[data-part=connection]').hidden = false")


STATES: dict[str, Open] = {
    "rooms": at("/"),
    "room": room,
    "empty": at("/rooms/empty/"),
    "archived": at("/rooms/archived/"),
    "reactions": action("react"),
    "more": action("more"),
    "emoji": emoji_picker,
    "panel": panel,
    "person": menu_of_a_person,
    "question": question,
    "keys": keys,
    "switcher": switcher,
    "completion": completion,
    "bell": bell,
    "account": account,
    "refused invitation": refused_invitation,
    "offline": offline,
    "new room": at("/rooms/new/"),
    "settings of a room": at("/rooms/general/settings/"),
    "bots": at("/rooms/general/bots/"),
    "preview": at(f"/rooms/join-{'w' * 35}/"),
    "people": at("/people/"),
    "profile": at("/people/grace/"),
    "search": at("/search/"),
    "results": at("/search/?q=table"),
    "no result": at("/search/?q=nothingofthiskind"),
    "refused search": at("/search/?q=in:nonesuch"),
    "notifications": at("/notifications/"),
    "what to be told of": at("/settings/notifications/"),
    "own profile": at("/settings/profile/"),
    "password": at("/accounts/password/change/"),
    "email": at("/accounts/email/"),
    "two-factor": at("/accounts/2fa/"),
    "live": at("/live/"),
    "contract": at("/api/realtime/"),
    "not found": at("/nowhere/"),
    "forbidden": at("/rooms/hidden/"),
    "admin": at("/admin/"),
}
NARROW = (
    *("rooms", "room", "panel", "person", "question", "keys", "switcher", "bell", "account"),
    *("new room", "settings of a room", "people", "search", "notifications"),
    *("what to be told of", "own profile"),
)
STRANGERS = {
    "sign in": "/accounts/login/",
    "sign up": "/accounts/signup/",
    "password reset": "/accounts/password/reset/",
}


@pytest.fixture(scope="module")
def site(
    bake: Bake, manage: Manage, prepare: Prepare, python: Path, redis_url: str
) -> Iterator[Server]:
    project = bake()
    surroundings = served(REDIS_URL=redis_url)
    prepare(project, "seed_demo --force", **surroundings)
    assert "seeded" in manage(project, "shell", "-c", SEED, **surroundings)
    with Server(python, project, surroundings) as server:
        yield server


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("axe")
    npm = [program("npm"), "install", "--no-audit", "--no-fund", "--prefix", str(folder)]
    subprocess.run([*npm, "axe-core@4"], check=True, capture_output=True)
    return (folder / "node_modules/axe-core/axe.min.js").read_text("utf-8")


@pytest.fixture
def ada(browser: Browser, site: Server, sessions: dict[str, StorageState]) -> Iterator[Person]:
    """Ada on a phone."""
    person = Person(browser, site, "ada", sessions, phone=True)
    person.refusals_expected = True
    yield person
    person.context.close()
    assert person.complaints == []


def found_by(axe: str, page: Page, open_it: Open) -> list[str]:
    """What axe finds in a page, in both themes at each width."""
    found = []
    for theme in THEMES:
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        page.set_viewport_size(PHONE)
        open_it(page)
        page.evaluate(axe)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            found += [f"{theme}, {width}: {fault}" for fault in page.evaluate(RUN_AXE)]
    return found


@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing(ada: Person, axe: str, state: str) -> None:
    assert found_by(axe, ada.page, STATES[state]) == []


@pytest.mark.parametrize("state", STRANGERS)
def test_axe_finds_nothing_before_one_is_in(
    browser: Browser, site: Server, axe: str, state: str
) -> None:
    page = browser.new_page(base_url=site.url)
    assert found_by(axe, page, at(STRANGERS[state])) == []
    page.close()


@pytest.mark.parametrize(
    "path",
    [
        "/",
        f"/rooms/{'w' * 40}/",
        f"/rooms/{'w' * 40}/settings/",
        f"/rooms/join-{'w' * 35}/",
        "/people/?q=www",
        f"/people/{'w' * 30}/",
        "/notifications/",
        f"/search/?q=from:{'w' * 30} hello",
    ],
)
def test_a_name_of_sixty_wide_letters_stays_within_the_window(ada: Person, path: str) -> None:
    for width in WIDTHS:
        ada.page.set_viewport_size({"width": width, "height": 640})
        ada.page.goto(path)
        expect(ada.page.get_by_text("W" * 60).filter(visible=True).first).to_be_in_viewport()
        assert ada.page.evaluate(STICKING_OUT) == []


def test_a_phone_has_the_bell_and_the_account_over_the_head_of_a_room(ada: Person) -> None:
    page = ada.page
    for width in (390, 320):
        page.set_viewport_size({"width": width, "height": 640})
        room(page, f"/rooms/{'w' * 40}/")
        heads = [".room__title", ".room__people", "#bell", "[popovertarget=account-menu]"]
        places = [page.locator(selector).bounding_box() for selector in heads]
        edges = [(place["x"], place["x"] + place["width"]) for place in places if place]
        assert len(edges) == 4
        assert all(end <= start for (_, end), (start, _) in pairwise(edges))
        assert edges[0][1] - edges[0][0] > 90
        page.locator("[data-part=panel-toggle]").click()
        page.locator("#bell").click()
        expect(page.get_by_role("link", name="All notifications")).to_be_in_viewport(ratio=1)
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Your account").click()
        expect(page.get_by_role("button", name="Sign out")).to_be_in_viewport(ratio=1)
        page.keyboard.press("Escape")
        expect(page.get_by_role("link", name="Search this room")).to_be_visible()


@pytest.mark.parametrize(("width", "text"), [(320, 16), (320, 32), (195, 16)])
def test_a_small_window_with_large_text_has_room_for_everything(
    ada: Person, width: int, text: int
) -> None:
    page = ada.page
    devtools = ada.context.new_cdp_session(page)
    devtools.send("Page.setFontSizes", {"fontSizes": {"standard": text, "fixed": text}})
    page.set_viewport_size({"width": width, "height": 640})
    for state in NARROW:
        STATES[state](page)
        assert (state, page.evaluate(STICKING_OUT)) == (state, [])
        assert (state, page.evaluate(OVERLAPS)) == (state, False)
    room(page)
    title = page.locator(".room__title").bounding_box()
    assert title
    assert title["width"] > 90


def test_a_mention_colours_neither_the_day_nor_the_unread_line(ada: Person) -> None:
    room(ada.page, f"/rooms/{'w' * 40}/")
    assert ada.page.evaluate(COLOURS) == {"day": "room", "unread": "room", "message": "own"}


def test_a_refused_invitation_keeps_the_page_and_what_was_typed(ada: Person) -> None:
    page = ada.page
    refused_invitation(page)
    page.evaluate("window.isTheSame = true")
    field = page.get_by_label("Username of somebody to invite")
    expect(field).to_have_value("nobody")
    expect(field).to_be_focused()
    field.fill("grace")
    field.press("Enter")
    expect(page.get_by_text("Grace Hopper is in this room already.")).to_be_visible()
    field.fill("w" * 30)
    field.press("Enter")
    expect(page.get_by_role("status").get_by_text(f"{'W' * 60} is invited.")).to_be_visible()
    expect(field).to_have_value("")
    page.get_by_role("button", name="Withdraw").click()
    expect(page.get_by_role("button", name="Withdraw")).to_have_count(0)
    assert page.evaluate("window.isTheSame")


def test_without_scripts_a_refused_invitation_keeps_what_was_typed(
    browser: Browser, ada: Person
) -> None:
    context = browser.new_context(
        base_url=ada.page.url, storage_state=ada.sessions["ada"], java_script_enabled=False
    )
    page = context.new_page()
    page.goto("/rooms/general/")
    page.get_by_label("Username of somebody to invite").fill("nobody")
    page.get_by_role("button", name="Invite", exact=True).click()
    expect(page.get_by_text("There is nobody called @nobody.")).to_be_visible()
    expect(page.get_by_label("Username of somebody to invite")).to_have_value("nobody")
    context.close()


def test_an_empty_room_offers_what_to_begin_with(ada: Person) -> None:
    page = ada.page
    ada.make_room("Fresh")
    page.get_by_role("link", name="Invite people").click()
    expect(page.get_by_label("Username of somebody to invite")).to_be_focused()
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Write the first message").click()
    expect(ada.box).to_be_focused()
    ada.box.fill("Hello")
    page.get_by_role("button", name="Send").click()
    expect(ada.said).to_have_text(["Hello"])
    expect(page.get_by_role("link", name="Invite people")).to_be_hidden()


def test_a_toast_hides_nothing_of_the_page_that_follows_sign_up(
    browser: Browser, site: Server
) -> None:
    context = browser.new_context(base_url=site.url, viewport=PHONE)
    page = context.new_page()
    page.goto("/accounts/signup/")
    page.get_by_label("Username").fill("newcomer")
    page.get_by_label("Email").fill("newcomer@example.com")
    page.locator("[name=password1]").fill("correct horse battery")
    page.get_by_role("button", name="Create account").click()
    page.wait_for_url("/")
    toast = page.locator(".toast")
    expect(toast).to_be_in_viewport(ratio=1)
    box = toast.bounding_box()
    assert box
    assert box["y"] > PHONE["height"] - 80
    context.close()


def test_whoever_runs_the_site_announces_from_the_admin_in_its_colours(ada: Person) -> None:
    page = ada.page
    account(page)
    page.get_by_role("link", name="Admin").click()
    expect(page.locator("#site-name")).to_have_text("Parlour")
    announce = page.get_by_role("button", name="Send an announcement to everybody")
    expect(announce).to_have_css("background-color", "rgb(59, 91, 219)")
    announce.click()
    page.get_by_label("Text").fill("We move on Friday.")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_text(re.compile(r"Told \d+ people\."))).to_be_visible()
    page.get_by_role("link", name="View site").click()
    page.wait_for_url("/")
