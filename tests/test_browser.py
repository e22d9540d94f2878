"""A bake in Chromium: two people talk, and lose the connection, the page and the server meanwhile.

The site runs as in production, with Redis: hashed files, the content security policy, no DEBUG.
"""

import json
import re
from collections.abc import Callable
from contextlib import closing
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, StorageState, WebSocketRoute, expect

from tests.conftest import CHROMIUM, Arrive, Bake, Manage, Serve
from tests.people import PASSWORD, Bell, Person
from tests.programs import program
from tests.projects import Server

THUMB_PX = 44

HISTORY = """
from accounts.models import User
from chat import actions
from chat.models import Room

room, ada = Room.objects.get(slug="{slug}"), User.objects.get(username="ada")
for number in range({count}):
    actions.post_message(room, ada, body=f"line {{number}}", client_id=f"line-{{number}}")
"""

NEWCOMER = """
from accounts.models import User

User.objects.create_user("{username}", "{username}@example.com", "{password}")
"""

NEWS = """
from accounts.models import User
from notifications.actions import notify

notify(User.objects.filter(username="{username}"), "announcement", text="News", link="/people/")
"""

SPENT = """
from datetime import timedelta

from django.utils import timezone

from accounts.models import User
from realtime.models import Spending

Spending.objects.create(
    user=User.objects.get(username="{username}"),
    budget="{budget}",
    full_at=timezone.now() + timedelta(seconds={seconds}),
)
"""

RENAMED = """
from accounts.models import User

newcomer = User.objects.get(username="{username}")
newcomer.display_name = "Newly Named"
newcomer.save()
"""

DELETED = """
from accounts.models import User

User.objects.filter(username="{username}").delete()
"""

# A box for one emoji, and two pictures for a sequence.
OLD_FONTS = """
Object.assign(CanvasRenderingContext2D.prototype, {
  fillText(text, x, y) {
    this.fillStyle = text === "🫪" ? "#f0f" : "#fc0";
    this.fillRect(x, y, 16, 16);
  },
  measureText: (text) => ({ width: text === "🙂\u200d↔️" ? 40 : 20 }),
});
"""


@pytest.fixture(scope="module")
def site(bake: Bake, demo: Serve) -> Server:
    return demo(bake(), BUDGETS='{"rooms": [1000, 3600]}')  # one a test


@pytest.fixture
def newcomer(arrive: Arrive, site: Server, manage: Manage) -> Person:
    """Somebody new, for whom nothing waits."""
    username = f"newcomer-{uuid4().hex[:8]}"
    code = NEWCOMER.format(username=username, password=PASSWORD)
    manage(site.project, "shell", "-c", code, **site.environment)
    return arrive(username)


@pytest.fixture
def announce(newcomer: Person, site: Server, manage: Manage) -> Callable[[], None]:
    """Tell the newcomer something: a notification without a message."""

    def announce() -> None:
        code = NEWS.format(username=newcomer.username)
        manage(site.project, "shell", "-c", code, **site.environment)

    return announce


def post_lines(manage: Manage, site: Server, room: str, count: int) -> None:
    """Let Ada say "line 0", "line 1" and so on, as fast as can be."""
    code = HISTORY.format(slug=room.removeprefix("/rooms/").strip("/"), count=count)
    manage(site.project, "shell", "-c", code, **site.environment)


def test_two_people_talk(ada: Person, grace: Person, room: str) -> None:
    ada.box.press_sequentially("Hello")
    expect(grace.page.get_by_text("Ada Lovelace is typing…")).to_be_visible()
    ada.box.press("Enter")
    expect(grace.said).to_have_text(["Hello"])

    grace.say("Hello yourself", "How are you?")

    for person in (ada, grace):
        expect(person.said).to_have_text(["Hello", "Hello yourself", "How are you?"])
        expect(person.waiting).to_have_count(0)


def test_words_are_shown_as_they_are_and_addresses_become_links(
    ada: Person, grace: Person, room: str
) -> None:
    ada.say("<b onclick=alert(1)>bold</b> (https://example.com/a_(b)?c=1&d). @grace")

    expect(grace.said).to_have_text(
        ["<b onclick=alert(1)>bold</b> (https://example.com/a_(b)?c=1&d). @grace"]
    )
    link = grace.said.get_by_role("link")
    expect(link).to_have_attribute("href", "https://example.com/a_(b)?c=1&d")
    expect(grace.said.locator(".mention--you")).to_have_text("@grace")


def test_markdown_is_shown_as_it_is_meant_and_nothing_in_it_runs(
    ada: Person, grace: Person, room: str
) -> None:
    ada.say("**Bread** and `a < b`:\n- rye\n- wheat\n\n```python\nreturn 1\n```")
    ada.say("[x](javascript:alert(1)) <img src=/x onerror=alert(1)> ![x](/x)")

    expect(grace.said.first.locator("strong")).to_have_text("Bread")
    expect(grace.said.first.locator("p code")).to_have_text("a < b")
    expect(grace.said.first.get_by_role("listitem")).to_have_text(["rye", "wheat"])
    expect(grace.said.first.locator("pre .code-k")).to_have_text("return")
    expect(grace.said.last).to_have_text(
        "[x](javascript:alert(1)) <img src=/x onerror=alert(1)> ![x](/x)"
    )
    expect(grace.said.last.locator("a, img")).to_have_count(0)
    expect(grace.page.locator("[aria-current=page] [data-part=preview]")).to_have_text(
        "Ada Lovelace: [x](javascript:alert(1)) <img src=/x onerror=alert(1)> ![x](/x)"
    )

    ada.box.press("ArrowUp")
    ada.say("*Bread*")
    expect(grace.said.last.locator("em")).to_have_text("Bread")


@pytest.mark.parametrize("is_caught_up", [False, True], ids=["live", "caught up"])
def test_a_quote_says_what_a_message_said_that_is_not_loaded(
    ada: Person, grace: Person, room: str, site: Server, manage: Manage, is_caught_up: bool
) -> None:
    ada.say("Who has the **key**?")
    expect(grace.said).to_have_count(1)
    post_lines(manage, site, room, 60)
    expect(ada.message("line 59")).to_be_visible()
    ada.message("Who has the key?").hover()
    ada.page.get_by_role("button", name="Reply").click()
    ada.say("I do.")

    expect(grace.message("I do.")).to_be_visible()
    grace.is_read(room)
    grace.page.reload()
    grace.comes_in()
    expect(grace.message("Who has the key?")).to_have_count(0)
    quote = grace.message("I do.").get_by_role("link", name="Ada Lovelace")
    expect(quote).to_have_text("Ada Lovelace Who has the key?")
    if is_caught_up:
        grace.lose_the_connection()
    ada.page.goto(f"{room}?at=1")
    ada.message("Who has the key?").hover()
    ada.page.get_by_role("button", name="More", exact=True).click()
    ada.page.get_by_role("button", name="Delete").click()
    ada.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    if is_caught_up:
        expect(ada.page.locator("#message-1")).to_have_text(re.compile("This message was deleted"))
        grace.find_the_connection()
    expect(quote).to_have_text("Ada Lovelace This message was deleted.")
    quote.click()
    expect(grace.page.locator("#message-1")).to_be_in_viewport()


def test_a_message_is_answered_edited_reacted_to_and_deleted(
    ada: Person, grace: Person, room: str
) -> None:
    ada.say("Lunch at noon?")
    grace.message("Lunch at noon?").hover()
    grace.page.get_by_role("button", name="Reply").click()
    grace.say("Yes!")
    expect(ada.message("Yes!").get_by_role("link", name="Ada Lovelace")).to_be_visible()

    ada.message("Yes!").hover()
    ada.page.get_by_role("button", name="React").click()
    ada.page.get_by_role("button", name="Party").click()
    reaction = grace.message("Yes!").get_by_role("button", name="🎉")
    expect(reaction).to_have_text("🎉 1")
    reaction.click()
    expect(ada.message("Yes!").get_by_role("button", name="🎉")).to_have_text("🎉 2")

    ada.box.press("ArrowUp")
    expect(ada.box).to_have_value("Lunch at noon?")
    ada.say("Lunch at one?")
    expect(grace.said).to_have_text(["Lunch at one?", "Yes!"])
    expect(grace.message("Lunch at one?").get_by_text("edited")).to_be_visible()

    ada.message("Lunch at one?").hover()
    ada.page.get_by_role("button", name="More", exact=True).click()
    ada.page.get_by_role("button", name="Delete").click()
    ada.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(grace.said).to_have_text(["This message was deleted.", "Yes!"])


def test_a_message_can_be_reached_and_answered_with_the_keyboard(
    ada: Person, grace: Person, room: str
) -> None:
    grace.say("first", "second")
    expect(ada.said).to_have_text(["first", "second"])

    ada.message("second").focus()
    ada.page.keyboard.press("ArrowUp")
    expect(ada.message("first")).to_be_focused()
    ada.page.keyboard.press("r")
    expect(ada.box).to_be_focused()
    ada.say("to the first")

    expect(grace.message("to the first").get_by_role("link").first).to_contain_text("first")


def test_someone_who_was_offline_catches_up(ada: Person, grace: Person, room: str) -> None:
    ada.say("before")
    expect(grace.said).to_have_text(["before"])

    grace.lose_the_connection()
    ada.say("one", "two")
    expect(ada.said).to_have_text(["before", "one", "two"])
    ada.box.press("ArrowUp")
    ada.say("two, mended")
    grace.say("three", "four")
    expect(grace.waiting).to_have_text(["three", "four"])
    grace.find_the_connection()

    for person in (ada, grace):
        expect(person.said).to_have_text(["before", "one", "two, mended", "three", "four"])
        expect(person.waiting).to_have_count(0)


def test_a_server_that_was_killed_is_found_again(
    ada: Person, grace: Person, room: str, site: Server
) -> None:
    ada.losses_expected = grace.losses_expected = True

    site.kill()
    ada.say("one", "two")
    expect(ada.page.get_by_text("Connection lost.")).to_be_visible()
    expect(ada.waiting).to_have_text(["one", "two"])
    site.start()

    for person in (ada, grace):
        expect(person.said).to_have_text(["one", "two"])
        expect(person.page.get_by_text("Connection lost.")).to_be_hidden()


def test_a_waiting_message_survives_a_reload_and_arrives_once(
    ada: Person, grace: Person, room: str
) -> None:
    ada.cut_off = True
    ada.page.reload()
    ada.say("over the reload", "and another")
    expect(ada.waiting).to_have_text(["over the reload", "and another"])
    ada.page.reload()
    expect(ada.waiting).to_have_text(["over the reload", "and another"])

    ada.cut_off = False

    for person in (ada, grace):
        expect(person.said).to_have_text(["over the reload", "and another"])
        expect(person.waiting).to_have_count(0)
    grace.page.reload()
    expect(grace.said).to_have_text(["over the reload", "and another"])


def test_a_message_that_waits_in_two_tabs_arrives_once(
    ada: Person, grace: Person, room: str
) -> None:
    ada.cut_off = True
    ada.page.reload()
    tab = ada.context.new_page()
    tab.goto(room)
    ada.say("from the first tab")
    tab.get_by_label("Write a message").fill("from the second tab")
    tab.get_by_label("Write a message").press("Enter")
    expect(ada.waiting).to_have_text(["from the first tab", "from the second tab"])

    ada.cut_off = False
    ada.page.reload()
    tab.reload()

    expect(ada.waiting).to_have_count(0)
    expect(grace.said).to_have_text(["from the first tab", "from the second tab"])
    grace.page.reload()
    expect(grace.said).to_have_text(["from the first tab", "from the second tab"])


def test_frames_that_are_lost_are_asked_for(ada: Person, grace: Person, room: str) -> None:
    lost: list[str] = []

    def lose_most(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        def pass_on(text: str | bytes) -> None:
            frame = json.loads(text)
            if frame["type"] == "message.created" and frame["data"]["body"] != "three":
                lost.append(frame["data"]["body"])
            else:
                socket.send(text)

        server.on_message(pass_on)

    grace.context.route_web_socket("**/ws/", lose_most)
    grace.page.reload()
    grace.comes_in()

    ada.say("one", "two", "three")

    expect(grace.said).to_have_text(["one", "two", "three"])
    assert lost == ["one", "two"]


def test_history_loads_on_scrolling_up_and_nothing_moves(
    ada: Person, grace: Person, room: str, site: Server, manage: Manage
) -> None:
    lines = [f"line {number}" for number in range(120)]
    post_lines(manage, site, room, 120)
    expect(grace.message("line 119")).to_be_in_viewport()
    grace.is_read(room)
    grace.page.reload()
    expect(grace.said).to_have_text(lines[70:])
    log = grace.page.get_by_role("log")

    log.evaluate("log => log.scrollTo(0, 0)")
    expect(grace.said).to_have_text(lines[20:])
    expect(grace.message("line 70")).to_be_in_viewport()
    log.evaluate("log => log.scrollTo(0, 0)")
    expect(grace.said).to_have_text(lines)
    expect(grace.page.get_by_text("This is where the room begins.")).to_be_attached()
    expect(grace.message("line 20")).to_be_in_viewport()

    ada.say("news")
    grace.page.get_by_role("button", name="1 new message").click()
    expect(grace.message("news")).to_be_in_viewport()


def test_a_message_is_found_by_its_words_and_opened_where_it_was_said(
    ada: Person, grace: Person, room: str, site: Server, manage: Manage
) -> None:
    ada.say("Where is the **crème** brûlée?")
    expect(grace.said).to_have_count(1)
    slug = room.removeprefix("/rooms/").strip("/")
    manage(site.project, "shell", "-c", HISTORY.format(slug=slug, count=60), **site.environment)

    grace.box.press_sequentially("a/b")
    expect(grace.box).to_have_value("a/b")
    grace.box.fill("")
    grace.page.goto("/")
    grace.page.keyboard.press("/")
    field = grace.page.get_by_role("searchbox", name="Find messages")
    expect(field).to_be_focused()
    field.press_sequentially("/creme bru")
    field.press("Enter")

    result = grace.page.get_by_role("list", name="Messages").get_by_role("listitem")
    expect(result).to_have_count(1)
    expect(result.locator("mark")).to_have_text(["crème", "brûlée"])
    expect(result.get_by_role("time")).to_contain_text("Today, ")
    grace.page.keyboard.press("/")
    expect(field).to_be_focused()
    result.click()
    expect(grace.message("Where is the crème brûlée?")).to_be_in_viewport()


def test_a_room_is_searched_from_its_head_without_a_script(
    browser: Browser, ada: Person, room: str, sessions: dict[str, StorageState]
) -> None:
    ada.say(*(f"needle {number}" for number in range(25)))
    expect(ada.said).to_have_count(25)
    with closing(
        browser.new_context(
            base_url=ada.page.url,
            storage_state=sessions["ada"],
            viewport={"width": 390, "height": 844},
            java_script_enabled=False,
        )
    ) as context:
        page = context.new_page()
        page.goto(room)
        page.get_by_role("link", name="Search this room").click()
        field = page.get_by_role("searchbox")
        field.fill(f"{field.input_value()}needle")
        page.get_by_role("button", name="Search").click()
        results = page.get_by_role("list", name="Messages").get_by_role("listitem")
        expect(results).to_have_count(20)
        expect(results.first).to_contain_text("needle 24")
        page.get_by_role("link", name="More results").click()
        expect(results).to_have_count(5)
        expect(results.last).to_contain_text("needle 0")
        assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_unread_messages_are_counted_until_they_are_read(
    ada: Person, grace: Person, room: str
) -> None:
    grace.page.goto("/")
    item = grace.page.locator(f"a[href='{room}']")
    reader = grace.context.new_page()

    ada.say("one", "two")
    expect(item.get_by_role("img", name="2 unread")).to_be_visible()
    expect(item).to_contain_text("Ada Lovelace: two")

    reader.goto(room)
    expect(reader.get_by_text("2 new since").locator("visible=true")).to_have_count(1)
    expect(item.get_by_role("img")).to_be_hidden()


def test_a_room_opens_where_its_reader_left_off(
    ada: Person, grace: Person, room: str, site: Server, manage: Manage
) -> None:
    grace.page.goto("/")
    post_lines(manage, site, room, 79)
    badge = grace.item_of(room).get_by_role("img")
    expect(badge).to_have_accessible_name("79 unread")

    grace.page.goto(room)
    expect(grace.page.get_by_text("79 new since").first).to_be_in_viewport()
    expect(grace.message("line 0")).to_be_in_viewport()
    expect(badge).to_have_text(re.compile("^[56]"))  # what is in view is read, and nothing else

    unread = int(badge.inner_text())
    grace.page.reload()
    expect(grace.page.get_by_text(f"{unread} new since").first).to_be_in_viewport()
    expect(grace.message(f"line {79 - unread}")).to_be_in_viewport()
    grace.comes_in()
    expect(badge).not_to_have_text(str(unread))
    grace.page.get_by_role("button", name=re.compile("Latest messages|new messages")).click()
    expect(grace.message("line 78")).to_be_in_viewport()
    grace.page.get_by_role("button", name="new since").click()
    expect(grace.message(f"line {79 - unread}")).to_be_in_viewport()
    expect(badge).to_be_visible()

    grace.page.get_by_role("button", name=re.compile("Latest messages|new messages")).click()
    grace.page.get_by_role("button", name="Mark all as read").click()
    expect(badge).to_be_hidden()
    grace.is_read(room)
    ada.say("What is said after that")
    expect(grace.message("What is said after that")).to_be_in_viewport()
    grace.is_read(room)
    grace.page.reload()
    expect(grace.message("What is said after that")).to_be_in_viewport()
    expect(grace.page.get_by_text("new since").locator("visible=true")).to_have_count(0)


def test_a_link_leads_to_its_message_with_what_is_around_it(
    ada: Person, grace: Person, room: str, site: Server, manage: Manage
) -> None:
    post_lines(manage, site, room, 120)
    ada.comes_in()
    ada.context.grant_permissions(["clipboard-read", "clipboard-write"])
    ada.message("line 119").hover()
    ada.page.get_by_role("button", name="More", exact=True).click()
    ada.page.get_by_role("button", name="Copy the link").click()
    expect(ada.page.get_by_text("Copied.")).to_be_visible()
    assert ada.page.evaluate("navigator.clipboard.readText()") == f"{site.url}{room}?at=120"

    grace.page.goto(f"{room}?at=30")
    expect(grace.message("line 29")).to_be_in_viewport(ratio=1)
    lines = [f"line {number}" for number in range(120)]
    grace.page.get_by_role("log").evaluate("log => log.scrollTo(0, 0)")
    expect(grace.message("line 0")).to_be_attached()
    grace.page.get_by_role("button", name=re.compile("Latest messages|new messages")).click()
    expect(grace.message("line 119")).to_be_in_viewport()
    grace.page.get_by_role("log").evaluate("log => log.scrollTo(0, 0)")
    expect(grace.said).to_have_text(lines[20:])
    grace.page.goto(f"{room}?at=60")
    expect(grace.message("line 59")).to_be_in_viewport(ratio=1)
    while not grace.message("line 119").count():
        grace.page.get_by_role("log").evaluate("log => log.scrollTo(0, log.scrollHeight)")
    grace.page.get_by_role("log").evaluate("log => log.scrollTo(0, log.scrollHeight)")
    expect(grace.message("line 119")).to_be_in_viewport()


def test_a_notification_leads_to_its_message(
    ada: Person, newcomer: Person, room: str, site: Server, manage: Manage
) -> None:
    newcomer.enter(room)
    newcomer.page.goto("/")
    ada.say(f"Look, @{newcomer.username}")
    Bell(newcomer.page).counts(1)
    post_lines(manage, site, room, 80)

    newcomer.page.get_by_role("button", name="Notifications").click()
    panel = newcomer.page.get_by_role("region", name="Notifications")
    panel.get_by_role("link", name="mentioned you").click()
    expect(newcomer.message("Look,")).to_be_in_viewport(ratio=1)
    Bell(newcomer.page).counts(0)


@pytest.mark.parametrize("scripts", ["off", "lost"])
def test_a_page_without_its_scripts_reads_and_posts(
    ada: Person, room: str, browser: Browser, site: Server, scripts: str
) -> None:
    ada.say("Who hears me?")
    expect(ada.said).to_have_count(1)
    context = browser.new_context(
        base_url=site.url,
        storage_state=ada.sessions["ada"],
        java_script_enabled=scripts == "lost",
    )
    with closing(context):
        context.route("**/*.js", lambda route: route.abort())
        page = context.new_page()
        page.goto(room)
        expect(page.get_by_role("log")).to_contain_text("Who hears me?")
        page.get_by_label("Write a message").fill("I do, **plainly**")
        page.get_by_role("button", name="Send").click()
        expect(page.get_by_role("log").locator("strong", has_text="plainly")).to_be_in_viewport()
        assert page.url == f"{site.url}{room}?at=2"
    expect(ada.said).to_have_text(["Who hears me?", "I do, plainly"])


def test_a_message_that_is_refused_says_why_and_can_be_given_up(
    ada: Person, grace: Person, room: str
) -> None:
    ada.say("x\n" * 400 + "x", "fine")

    expect(ada.page.get_by_text("A message has at most 400 lines")).to_be_visible()
    expect(grace.said).to_have_text(["fine"])
    ada.page.get_by_role("button", name="Try again").click()
    expect(ada.page.get_by_text("A message has at most 400 lines")).to_be_visible()
    ada.page.get_by_role("button", name="Discard").click()
    expect(ada.waiting).to_have_count(0)


def test_a_message_that_is_too_long_is_refused_and_stays_in_its_box(
    ada: Person, grace: Person, room: str
) -> None:
    left = ada.page.locator("#composer-left")
    ada.box.fill("👍" * 3599)
    expect(left).to_be_hidden()
    ada.box.fill("👍" * 3600)
    expect(left).to_have_text("400 left")
    ada.say("👍" * 4002)

    expect(left).to_have_text("2 too many")
    refusal = "A message has at most 4,000 characters, and this has 4,002."
    expect(ada.page.get_by_text(refusal)).to_be_visible()
    expect(ada.box).to_have_value("👍" * 4002)
    ada.box.press("Backspace")
    ada.box.press("Backspace")
    expect(left).to_have_text("0 left")
    ada.box.press("Enter")
    expect(grace.said).to_have_text(["👍" * 4000])


def test_people_rooms_and_emoji_are_completed(ada: Person, grace: Person, room: str) -> None:
    offered = ada.page.get_by_role("listbox").get_by_role("option")
    ada.box.press_sequentially("Hi @HOP")
    expect(offered).to_have_text(["GHGrace Hopper@grace"])
    expect(ada.box).to_have_attribute(
        "aria-activedescendant", offered.first.get_attribute("id") or ""
    )
    ada.box.press("Enter")
    ada.box.press_sequentially("in #people rooms")
    expect(offered).to_have_count(0)
    ada.box.press("Control+Backspace")
    ada.box.press("Backspace")
    expect(offered.first).to_have_text("people rooms and emoji are completed")
    ada.box.press("Tab")
    ada.box.press_sequentially(":hooray")
    expect(offered).to_have_text(["🎉:tada:", "🙌:raised_hands:", "🥳:partying_face:"])
    ada.box.press("ArrowUp")
    expect(offered.and_(ada.page.locator("[aria-selected=true]"))).to_have_text("🥳:partying_face:")
    offered.first.click()
    ada.box.press_sequentially("and :+1:")
    link = f"[#people rooms and emoji are completed]({room})"
    expect(ada.box).to_have_value(f"Hi @grace in {link} 🎉 and 👍 ")
    ada.box.press("Enter")

    words = "Hi @grace in #people rooms and emoji are completed 🎉 and 👍"
    expect(grace.said).to_have_text([words])
    expect(grace.said.locator(".mention--you")).to_have_text("@grace")
    expect(grace.said.get_by_role("link")).to_have_attribute("href", room)


def test_nothing_is_completed_in_code_in_other_words_or_after_escape(
    ada: Person, grace: Person, room: str
) -> None:
    offered = ada.page.get_by_role("listbox").get_by_role("option")
    for text in ("`@gr", "```\n@gr", "ada@gr", "https://a.b/#p", ":p", "12:30", "`a` and ``b @gr"):
        ada.box.fill("")
        ada.box.press_sequentially("@gr")
        expect(offered).to_have_count(1)
        ada.box.fill(text)
        expect(offered).to_have_count(0)
    ada.box.fill("`a` @gr")
    expect(offered).to_have_count(1)
    ada.box.press("Escape")
    expect(offered).to_have_count(0)
    ada.box.press("Enter")

    expect(grace.said).to_have_text(["a @gr"])


def test_what_an_input_method_composes_is_left_to_it(ada: Person, room: str) -> None:
    offered = ada.page.get_by_role("listbox").get_by_role("option")
    ada.box.focus()
    keys = ada.context.new_cdp_session(ada.page)
    composed = {"text": "@gr", "selectionStart": 3, "selectionEnd": 3}
    keys.send("Input.imeSetComposition", composed)
    expect(offered).to_have_count(1)
    ada.box.dispatch_event("keydown", {"key": "Enter", "isComposing": True})
    ada.box.dispatch_event("keydown", {"key": "Enter", "keyCode": 229})
    expect(ada.box).to_have_value("@gr")
    keys.send("Input.insertText", {"text": "@gr"})
    ada.box.press("Enter")
    expect(ada.box).to_have_value("@grace ")


def test_an_emoji_is_found_and_its_tone_and_itself_are_remembered(
    ada: Person, grace: Person, room: str
) -> None:
    ada.page.get_by_role("button", name="Emoji", exact=True).click()
    picker = ada.page.get_by_role("dialog", name="Emoji")
    expect(picker.get_by_label("Find an emoji")).to_be_focused()
    ada.page.keyboard.type("no such emoji")
    expect(picker.get_by_text("There is no emoji of that name.")).to_be_visible()
    picker.get_by_label("Find an emoji").fill("hello")
    expect(picker.get_by_role("option", name="waving hand", exact=True)).to_have_text("👋")
    picker.get_by_role("radio", name="Medium", exact=True).check(force=True)
    picker.get_by_label("Find an emoji").press("Enter")
    expect(picker).to_be_hidden()
    expect(ada.box).to_be_focused()
    expect(ada.box).to_have_value("👋🏽")
    ada.box.press("Enter")
    expect(grace.said).to_have_text(["👋🏽"])

    ada.page.reload()
    ada.page.get_by_role("button", name="Emoji", exact=True).click()
    picker.get_by_role("radio", name="Recently used").check(force=True)
    expect(picker.get_by_role("option")).to_have_text(["👋🏽"])
    ada.page.keyboard.press("Escape")
    expect(ada.page.get_by_role("button", name="Emoji", exact=True)).to_be_focused()


def test_emoji_that_the_system_does_not_know_are_not_offered(ada: Person, room: str) -> None:
    ada.context.add_init_script(OLD_FONTS)
    ada.page.reload()
    ada.page.get_by_role("button", name="Emoji", exact=True).click()
    picker = ada.page.get_by_role("dialog", name="Emoji")
    expect(picker.get_by_role("option", name="melting face")).to_be_visible()
    for name in ("distorted face", "head shaking horizontally"):
        picker.get_by_label("Find an emoji").fill(name)
        expect(picker.get_by_text("There is no emoji of that name.")).to_be_visible()


def test_emoji_that_could_not_be_loaded_are_asked_for_again(ada: Person, room: str) -> None:
    picker = ada.page.get_by_role("dialog", name="Emoji")
    ada.losses_expected = True
    ada.context.route("**/emoji*.json", lambda route: route.abort())
    ada.box.press_sequentially(":tada")
    ada.page.get_by_role("button", name="Emoji", exact=True).click()
    expect(picker.get_by_text("The emoji could not be loaded.")).to_be_visible()
    ada.page.keyboard.press("Escape")

    ada.context.unroute("**/emoji*.json")
    ada.page.get_by_role("button", name="Emoji", exact=True).click()
    expect(picker.get_by_role("option", name="grinning face", exact=True)).to_be_visible()
    ada.page.keyboard.type("detective")
    ada.page.keyboard.press("Enter")
    expect(ada.box).to_have_value(":tada🕵️")


@pytest.mark.parametrize("phone", [False, True], ids=["desk", "phone"])
def test_any_emoji_may_be_a_reaction(grace: Person, room: str, arrive: Arrive, phone: bool) -> None:
    grace.say("Lunch at noon?")
    ada = arrive("ada", phone=phone)
    ada.enter(room)
    message = ada.message("Lunch at noon?")
    message.click(position={"x": 60, "y": 10})
    ada.page.get_by_role("button", name="React").click()
    ada.page.get_by_role("button", name="More emoji").click()
    picker = ada.page.get_by_role("dialog", name="Emoji")
    picker.get_by_role("radio", name="Food & drink").check(force=True)
    expect(picker).to_be_in_viewport(ratio=1)
    picker.get_by_role("option", name="hot dog").click()

    expect(grace.message("Lunch at noon?").get_by_role("button", name="🌭")).to_have_text("🌭 1")
    expect(message.locator(":focus").or_(message.and_(ada.page.locator(":focus")))).to_have_count(1)


def test_the_focus_comes_back_from_menus_and_reactions_are_one_stop(
    ada: Person, grace: Person, room: str
) -> None:
    ada.say("Lunch?")
    message = ada.message("Lunch?")
    message.hover()
    for name in ("More", "React"):
        button = message.get_by_role("button", name=name, exact=True)
        button.click()
        ada.page.keyboard.press("Escape")
        expect(button).to_be_focused()
    for name in ("Party", "Heart", "Done"):
        react = message.get_by_role("button", name="React")
        react.click()
        ada.page.get_by_role("button", name=name).click()
        expect(react).to_be_focused()

    reactions = message.locator("[data-part=reactions] button")
    expect(reactions).to_have_text(["🎉 1", "❤️ 1", "✅ 1"])
    tab_stops = message.locator("[data-part=reactions] [tabindex='0']")
    expect(tab_stops).to_have_text(["🎉 1"])
    reactions.first.focus()
    ada.page.keyboard.press("ArrowRight")
    expect(reactions.nth(1)).to_be_focused()
    expect(tab_stops).to_have_text(["❤️ 1"])
    grace.message("Lunch?").get_by_role("button", name="❤️").click()
    expect(reactions.nth(1)).to_have_text("❤️ 2")
    expect(reactions.nth(1)).to_be_focused()
    ada.page.keyboard.press("Enter")
    expect(reactions).to_have_text(["🎉 1", "✅ 1", "❤️ 1"])
    expect(reactions.last).to_be_focused()


def test_rooms_and_people_are_reached_by_a_key(ada: Person, newcomer: Person, room: str) -> None:
    ada.box.press("Control+k")
    switcher = ada.page.get_by_role("dialog", name="Go to a room or a person")
    expect(switcher.get_by_role("option").first).to_have_text(
        "rooms and people are reached by a key"
    )
    ada.page.keyboard.type("general")
    expect(switcher.get_by_role("option")).to_have_text(["General"])
    ada.page.keyboard.press("Escape")
    expect(ada.box).to_be_focused()
    ada.page.keyboard.press("Control+k")
    ada.page.keyboard.type("general")
    ada.page.keyboard.press("Enter")
    ada.page.wait_for_url("/rooms/general/")

    ada.page.keyboard.press("Control+k")
    ada.page.keyboard.type("no such place")
    expect(switcher.get_by_text("No room of yours and nobody here has that name.")).to_be_visible()
    newcomer.page.keyboard.press("Control+k")
    newcomer.losses_expected = True
    newcomer.context.set_offline(True)
    newcomer.page.keyboard.type("grace")
    expect(newcomer.page.get_by_text("Without a connection only your rooms are")).to_be_visible()
    switcher.get_by_role("combobox").fill(newcomer.username)
    expect(switcher.get_by_role("option")).to_contain_text([f"@{newcomer.username}"])
    ada.page.keyboard.press("Enter")
    ada.page.wait_for_url("/rooms/direct-*/")
    expect(ada.page.get_by_role("heading", name=newcomer.username, level=1)).to_be_visible()


def test_a_question_mark_shows_the_keys_but_not_while_one_writes(ada: Person, room: str) -> None:
    keys = ada.page.get_by_role("dialog", name="Keys")
    ada.box.press("?")
    expect(ada.box).to_have_value("?")
    expect(keys).to_be_hidden()
    ada.page.get_by_role("banner").get_by_role("link", name="Rooms").focus()
    ada.page.keyboard.press("?")
    expect(keys.get_by_text("Go to a room or a person")).to_be_visible()
    ada.page.keyboard.press("Control+k")
    expect(ada.page.get_by_role("dialog", name="Go to a room or a person")).to_be_hidden()
    ada.page.keyboard.press("Escape")
    expect(keys).to_be_hidden()


def test_half_an_emoji_holds_up_nothing_and_can_be_written_again(
    ada: Person, grace: Person, room: str
) -> None:
    slug = room.removeprefix("/rooms/").strip("/")
    ada.page.evaluate(
        """slug => {
          const { you } = JSON.parse(document.getElementById("room-data").textContent);
          const cut = { client_id: "cut", order: 1, state: "pending", body: "cut \\ud83d" };
          localStorage.setItem(`outbox:${you.id}:${slug}:cut`, JSON.stringify(cut));
        }""",
        slug,
    )
    ada.page.reload()
    ada.say("behind it")
    expect(ada.page.get_by_text("half of a character")).to_be_visible()
    expect(grace.said).to_have_text(["behind it"])

    ada.page.get_by_role("button", name="Edit").click()
    expect(ada.waiting).to_have_count(0)
    ada.box.press("Enter")

    expect(grace.said).to_have_text(["behind it", "cut"])


def test_a_message_takes_little_room_until_it_is_unfolded(
    ada: Person, grace: Person, room: str
) -> None:
    ada.say("\n".join(str(number) for number in range(400)), "end")
    expect(grace.said).to_have_count(2)
    message = grace.message("399")

    def height() -> float:
        box = message.bounding_box()
        assert box
        return box["height"]

    assert height() < 600
    unfold = message.get_by_role("button", name="Show more")
    unfold.focus()
    grace.page.keyboard.press("Enter")
    assert height() > 9_000
    expect(message).to_be_focused()
    ada.say("later")
    expect(grace.said).to_have_count(3)
    assert height() > 9_000


def test_a_short_message_takes_no_more_room_than_its_picture(ada: Person, room: str) -> None:
    ada.say("short")
    message = ada.message("short")
    body, row = message.locator("[data-part=body]").bounding_box(), message.bounding_box()
    assert body
    assert row
    below = row["y"] + row["height"] - body["y"] - body["height"]
    assert below < 8


def test_what_is_half_written_is_still_there_after_a_reload(ada: Person, room: str) -> None:
    ada.box.fill("half a thou")
    ada.page.reload()
    expect(ada.box).to_have_value("half a thou")
    ada.box.press("Enter")
    ada.page.reload()
    expect(ada.said).to_have_text(["half a thou"])
    expect(ada.box).to_have_value("")


def test_the_next_person_at_a_browser_finds_nothing_of_the_last(ada: Person, room: str) -> None:
    ada.cut_off = True
    ada.page.reload()
    ada.say("not for others")
    ada.box.fill("nor this")

    ada.cut_off = False
    ada.sign_out()
    ada.sign_in("grace")
    ada.enter(room)

    expect(ada.waiting).to_have_count(0)
    assert ada.page.evaluate("JSON.stringify(localStorage)") == "{}"


def test_a_mention_rings_in_every_tab_and_is_read_in_all_of_them(
    ada: Person, grace: Person, room: str
) -> None:
    mine, theirs = ([person.page, person.context.new_page()] for person in (ada, grace))
    for page in (*mine, theirs[1]):
        page.goto("/settings/profile/")
    for bell in (Bell(ada.page), Bell(theirs[1])):
        bell.read_all()

    grace.say("Have you seen this, @ada?")

    for page in mine:
        Bell(page).counts(1)
        expect(page).to_have_title(re.compile(r"^\(1\) "))
    Bell(mine[1]).shows("Grace Hopper mentioned you in")
    Bell(mine[0]).read_all()
    Bell(mine[1]).counts(0)
    Bell(theirs[1]).counts(0)


def test_the_bell_shows_what_is_left_when_one_of_two_mentions_is_deleted(
    ada: Person, grace: Person, room: str
) -> None:
    ada.page.goto("/settings/profile/")
    Bell(ada.page).read_all()
    grace.say("The first, @ada", "The second, @ada")
    Bell(ada.page).shows("The second, @ada", times=2)

    grace.message("The second").hover()
    grace.page.get_by_role("button", name="More", exact=True).click()
    grace.page.get_by_role("button", name="Delete").click()
    grace.page.get_by_role("dialog").get_by_role("button", name="Delete").click()

    Bell(ada.page).shows("The first, @ada")
    Bell(ada.page).counts(1)


def test_a_new_name_and_a_deleted_account_show_on_open_pages(
    ada: Person, newcomer: Person, room: str, site: Server, manage: Manage
) -> None:
    newcomer.enter(room)
    newcomer.say("A word", "Another")
    expect(ada.message("Another")).to_be_visible()
    author = ada.message("A word").locator("[data-part=author]")
    people = ada.page.locator(f"[data-username={newcomer.username}]")

    code = RENAMED.format(username=newcomer.username)
    manage(site.project, "shell", "-c", code, **site.environment)
    expect(author).to_have_text("Newly Named")
    expect(people.locator("[data-part=name]")).to_have_text("Newly Named")

    newcomer.losses_expected = True
    code = DELETED.format(username=newcomer.username)
    manage(site.project, "shell", "-c", code, **site.environment)
    expect(author).to_have_text("Deleted user")
    expect(people).to_have_count(0)
    expect(newcomer.page.get_by_text("Sign in")).to_be_visible()


def test_the_title_counts_messages_and_notifications_that_come_after_them(
    newcomer: Person, grace: Person, announce: Callable[[], None]
) -> None:
    room = grace.make_room("Messages first")
    newcomer.enter(room)
    newcomer.page.goto("/")
    expect(newcomer.page).to_have_title("Rooms · Parlour")
    bell = Bell(newcomer.page)

    grace.say("one", "two")
    expect(newcomer.page).to_have_title("(2) Rooms · Parlour")
    announce()
    bell.counts(1)
    expect(newcomer.page).to_have_title("(2) Rooms · Parlour")
    bell.read_all()
    expect(newcomer.page).to_have_title("(2) Rooms · Parlour")
    newcomer.read_in_another_tab(room)
    expect(newcomer.page).to_have_title("Rooms · Parlour")


def test_the_title_counts_notifications_and_messages_that_come_after_them(
    newcomer: Person, grace: Person, announce: Callable[[], None]
) -> None:
    room = grace.make_room("Notifications first")
    newcomer.enter(room)
    newcomer.page.goto("/")
    bell = Bell(newcomer.page)

    announce()
    expect(newcomer.page).to_have_title("(1) Rooms · Parlour")
    announce()
    expect(newcomer.page).to_have_title("(2) Rooms · Parlour")
    grace.say("one")
    unread = newcomer.page.locator(f"a[href='{room}']").get_by_role("img", name="1 unread")
    expect(unread).to_be_visible()
    expect(newcomer.page).to_have_title("(2) Rooms · Parlour")
    newcomer.read_in_another_tab(room)
    expect(unread).to_be_hidden()
    expect(newcomer.page).to_have_title("(2) Rooms · Parlour")
    bell.read_all()
    expect(newcomer.page).to_have_title("Rooms · Parlour")


def test_whoever_sees_a_room_is_told_nothing_of_it(ada: Person, grace: Person, room: str) -> None:
    elsewhere = ada.context.new_page()
    elsewhere.goto("/settings/profile/")
    bell = Bell(elsewhere)
    bell.read_all()

    grace.say("You see this, @ada.")
    expect(ada.said).to_have_text(["You see this, @ada."])
    ada.page.goto("/settings/profile/")
    grace.say("And this you do not, @ada.")

    bell.counts(1)
    bell.shows("And this you do not, @ada.")
    ada.enter(room)
    bell.counts(0)


def test_the_bell_is_right_again_after_the_connection_was_lost(
    ada: Person, grace: Person, room: str
) -> None:
    ada.enter("/rooms/general/")
    bell = Bell(ada.page)
    bell.read_all()
    ada.lose_the_connection()
    grace.say("One, @ada.", "Two, @ada.")
    expect(grace.said).to_have_text(["One, @ada.", "Two, @ada."])
    bell.counts(0)

    ada.find_the_connection()

    bell.counts(1)
    bell.shows("Two, @ada.", times=2)


def test_a_dot_tells_who_is_here_whatever_their_tabs_do(
    ada: Person, grace: Person, room: str
) -> None:
    dot = ada.dot_of("grace")
    expect(dot).to_have_attribute("data-presence", "online")
    ada.note_changes(dot)
    tab = grace.context.new_page()
    tab.goto(room)
    grace.page.reload()
    grace.comes_in()
    tab.close()
    assert ada.noted_changes(dot) == []

    grace.turn_to_something_else()
    expect(dot).to_have_attribute("data-presence", "away")
    grace.come_back()
    expect(dot).to_have_attribute("data-presence", "online")
    grace.context.close()

    expect(dot).to_have_attribute("data-presence", "offline")
    expect(dot).to_have_attribute("title", "Last seen just now")


def test_whoever_appears_offline_does_so_in_every_tab(
    ada: Person, grace: Person, room: str
) -> None:
    dot = ada.dot_of("grace")
    expect(dot).to_have_attribute("data-presence", "online")
    tab = grace.context.new_page()
    tab.goto(room)

    grace.appear_offline(True)

    expect(dot).to_have_attribute("data-presence", "offline")
    hidden = tab.locator("[data-presence-hidden]")
    expect(hidden).to_be_checked()
    tab.reload()
    expect(hidden).to_be_checked()
    grace.appear_offline(False)
    expect(dot).to_have_attribute("data-presence", "online")
    expect(hidden).not_to_be_checked()


def test_a_dot_is_right_again_after_the_connection_was_lost(
    ada: Person, grace: Person, room: str
) -> None:
    dot = ada.dot_of("grace")
    expect(dot).to_have_attribute("data-presence", "online")
    ada.lose_the_connection()
    grace.turn_to_something_else()
    expect(dot).to_have_attribute("data-presence", "online")

    ada.find_the_connection()

    expect(dot).to_have_attribute("data-presence", "away")


def test_someone_who_is_removed_is_told_so_at_once(ada: Person, grace: Person, room: str) -> None:
    ada.page.reload()
    ada.page.get_by_role("button", name="More about Grace Hopper").click()
    ada.page.get_by_role("button", name="Remove from the room").click()
    ada.page.get_by_role("dialog").get_by_role("button", name="Remove").click()

    expect(grace.page.get_by_text("You are not in this room any more.")).to_be_visible()
    expect(grace.page.get_by_label("Your rooms").locator(f"a[href='{room}']")).to_have_count(0)
    expect(ada.page.get_by_label("People").get_by_text("Grace Hopper")).to_have_count(0)


@pytest.mark.parametrize("phone", [False, True])
def test_a_public_room_is_looked_at_before_it_is_joined(arrive: Arrive, phone: bool) -> None:
    ada, grace = arrive("ada", phone=phone), arrive("grace")
    room = ada.make_room(f"Open {phone}")
    grace.page.goto(room)

    expect(grace.page.get_by_text("1 person is in this room.")).to_be_visible()
    expect(grace.page.get_by_label("Your rooms").locator(f"a[href='{room}']")).to_have_count(0)
    assert grace.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    grace.page.get_by_role("button", name="Join the room").click()
    expect(grace.box).to_be_visible()
    grace.comes_in()
    grace.say("Hello")
    expect(ada.said).to_have_text(["Hello"])


def test_someone_who_was_removed_comes_back_when_they_are_let_in(
    ada: Person, grace: Person, room: str
) -> None:
    ada.page.reload()
    ada.page.get_by_role("button", name="More about Grace Hopper").click()
    ada.page.get_by_role("button", name="Remove from the room").click()
    ada.page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(ada.page.get_by_text("Grace Hopper is no longer in this room.")).to_be_visible()

    grace.refusals_expected = True
    grace.page.goto(room)
    expect(grace.page.get_by_text("You were removed from this room")).to_be_visible()
    ada.page.get_by_role("link", name="Room settings").click()
    ada.page.get_by_role("button", name="Let back in Grace Hopper").click()
    expect(ada.page.get_by_text("Grace Hopper can join this room again.")).to_be_visible()
    grace.enter(room)
    ada.enter(room)
    grace.say("Sorry")
    expect(ada.said).to_have_text(["Sorry"])


@pytest.fixture
def spend(newcomer: Person, site: Server, manage: Manage) -> Callable[[str, float], None]:
    """Let the newcomer have spent a budget, which is full again in so many seconds."""

    def spend(budget: str, seconds: float) -> None:
        code = SPENT.format(username=newcomer.username, budget=budget, seconds=seconds)
        manage(site.project, "shell", "-c", code, **site.environment)

    return spend


def test_who_does_too_much_is_told_when_to_try_again(
    newcomer: Person, ada: Person, spend: Callable[[str, float], None]
) -> None:
    for budget in ("rooms", "joins"):
        spend(budget, 7_200)  # an hour beyond all of it: a slow machine finds nothing refilled
    newcomer.refusals_expected = True
    newcomer.page.goto("/rooms/new/")
    newcomer.page.get_by_label("Name").fill("One more")
    newcomer.page.get_by_role("button", name="Make the room").click()
    expect(
        newcomer.page.get_by_text("You made many rooms in a short time. Try again in")
    ).to_be_visible()
    expect(newcomer.page.get_by_label("Name")).to_have_value("One more")

    newcomer.page.goto(ada.make_room("Not now"))
    newcomer.page.get_by_role("button", name="Join the room").click()
    expect(
        newcomer.page.get_by_text("You joined rooms many times in a short time. Try again in")
    ).to_be_visible()


def test_a_message_that_comes_too_soon_waits_and_is_sent_then(
    newcomer: Person, ada: Person, spend: Callable[[str, float], None]
) -> None:
    newcomer.enter(ada.make_room("Patience"))
    mass_mention = "@ann @ben @cem @dan @eva @fay @gus @hal"  # costs 161 of the 6,000 in an hour
    spend("messages", 3_600 - 161 * 0.6 + 10)
    newcomer.say(mass_mention, "and more")

    expect(newcomer.waiting).to_have_text([mass_mention, "and more"])
    expect(ada.said).to_have_text([mass_mention, "and more"])
    expect(newcomer.waiting).to_have_count(0)

    newcomer.box.press("ArrowUp")
    newcomer.say(f"{mass_mention}!")
    expect(newcomer.page.get_by_text("in a short time. Try again in")).to_be_visible()
    expect(newcomer.box).to_have_value(f"{mass_mention}!")


def test_someone_who_signs_out_in_one_tab_is_told_so_in_the_other(grace: Person, room: str) -> None:
    tab = grace.context.new_page()
    tab.goto(room)
    grace.say("for those who are in")
    expect(tab.get_by_text("for those who are in")).not_to_have_count(0)
    grace.sign_out()

    expect(tab.get_by_text("You are signed out.")).to_be_visible()
    expect(tab.get_by_text("for those who are in")).to_have_count(0)
    expect(tab.get_by_role("textbox")).to_have_count(0)
    expect(tab).to_have_title("Signed out")
    tab.get_by_role("link", name="Sign in").click()
    expect(tab.get_by_role("button", name="Sign in")).to_be_visible()


def test_a_page_whose_reader_signed_out_draws_nothing_any_more(
    newcomer: Person, announce: Callable[[], None]
) -> None:
    tab = newcomer.context.new_page()
    tab.clock.install()
    tab.goto("/#anywhere")
    announce()
    Bell(tab).counts(1)
    newcomer.sign_out()
    expect(tab.get_by_text("You are signed out.")).to_be_visible()

    tab.clock.fast_forward("02:00")  # notifications tell how long ago they were
    tab.get_by_role("link", name="Sign in").click()
    expect(tab.get_by_role("button", name="Sign in")).to_be_visible()


def test_someone_who_goes_back_after_signing_out_finds_the_sign_in_page(
    browser: Browser, site: Server
) -> None:
    keeps_pages = browser.browser_type.launch(
        executable_path=program(*CHROMIUM),
        args=["--no-sandbox"],
        ignore_default_args=["--disable-back-forward-cache"],  # Playwright's own
    )
    with closing(keeps_pages):
        grace = Person(keeps_pages, site, "grace", {})
        grace.make_room("Left")
        grace.say("for those who are in")
        grace.page.goto("/people/")
        grace.sign_out()
        for _ in range(3):
            grace.page.evaluate("history.back()")  # `go_back` waits for a load
            expect(grace.page.get_by_role("button", name="Sign in")).to_be_visible()
            expect(grace.page.get_by_text("for those who are in")).to_have_count(0)


def test_a_long_name_pushes_nothing_off_a_phone(arrive: Arrive) -> None:
    ada, grace = arrive("ada", phone=True), arrive("grace", phone=True)
    room = ada.make_room("W" * 80)
    for person, path in [(grace, "/"), (grace, room), (ada, room), (ada, f"{room}settings/")]:
        person.page.goto(path)
        assert (
            person.page.evaluate(
                "Array.from(document.querySelectorAll('main :is(a, button, input, h1, h2, p)'))"
                ".filter((each) => each.getBoundingClientRect().right > innerWidth)"
                ".map((each) => each.textContent)"
            )
            == []
        )


def test_on_a_phone_the_list_and_the_room_are_two_pages(arrive: Arrive) -> None:
    ada = arrive("ada", phone=True)
    ada.page.get_by_label("Your rooms").get_by_role("link", name="General").tap()
    ada.comes_in()
    expect(ada.page.get_by_label("Your rooms")).to_be_hidden()
    assert ada.page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    last = ada.page.locator("[data-seq]").last
    last.locator("[data-part=body]").tap()
    for name in ("React", "Reply", "More"):
        size = ada.page.get_by_role("button", name=name, exact=True).bounding_box()
        assert size
        assert min(size["width"], size["height"]) >= THUMB_PX

    ada.page.get_by_role("link", name="All rooms").tap()
    expect(ada.page.get_by_label("Your rooms")).to_be_visible()
