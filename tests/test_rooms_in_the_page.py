"""The page of a room, in Chromium: its people, its messages, and what becomes of them."""

from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import WebSocketRoute, expect

from tests.conftest import Arrive, Bake, Manage, Serve
from tests.people import Person
from tests.projects import Server

CROWD = """
from accounts.models import User
from chat import actions
from chat.models import Room

room = Room.objects.get(slug="{slug}")
for number in range(12):
    actions.enter(room, User.objects.create(username=f"aaron{{number:02}}"))
"""

LAST_WEEK = """
from datetime import timedelta

from django.utils import timezone

from chat.models import Message

week_ago = timezone.now() - timedelta(days=7)
Message.objects.filter(room__slug="{slug}").update(created_at=week_ago)
"""

TALK = """
from accounts.models import User
from chat import actions
from chat.models import Room

room = Room.objects.get(slug="{slug}")
ada = User.objects.get(username="ada")
for number in range(60):
    body = f"Number {{number}}" + " and so on" * 40
    actions.post_message(room, ada, body=body, client_id=str(number))
"""

NOTE_WATCHERS = """
window.watchers = [];
const Watcher = CloseWatcher;
window.CloseWatcher = class extends Watcher {
  constructor() {
    super();
    watchers.push(this);
  }
};
"""

DOT = """dot => {
  const { backgroundColor, borderTopColor } = getComputedStyle(dot, "::after");
  return [backgroundColor, borderTopColor];
}"""

REFUSE_THE_CLIPBOARD = """() => {
  navigator.clipboard.writeText = () => Promise.reject(new DOMException("", "NotAllowedError"));
}"""

NOTE_ENDS = "document.addEventListener('animationend', ({target}) => (window.ended = target.id))"


@pytest.fixture(scope="module")
def site(bake: Bake, demo: Serve) -> Server:
    return demo(bake())


def make_room(person: Person, name: str) -> str:
    """Make a room, and wait until its page's scripts run."""
    room = person.make_room(name)
    expect(person.box).to_be_focused()
    return room


def enter(person: Person, room: str) -> None:
    person.enter(room)
    expect(person.box).to_be_focused()


def test_an_archived_room_is_closed_before_all_eyes_and_says_what_was_not_sent(
    ada: Person, grace: Person
) -> None:
    room = make_room(ada, "Attic")
    enter(grace, room)
    grace.say("Before")
    expect(ada.said).to_have_text(["Before"])
    grace.lose_the_connection()
    grace.say("Too late")
    tab = ada.context.new_page()
    tab.goto(f"{room}settings/")
    ada.box.focus()
    tab.get_by_role("button", name="Archive the room").click()
    expect(ada.box).to_be_hidden()
    message = ada.page.locator("[data-seq]").last
    expect(message).to_be_focused()
    ada.page.keyboard.press("r")
    ada.page.keyboard.press("Enter")
    expect(ada.page.get_by_role("button", name="Copy the text")).to_be_visible()
    expect(ada.page.locator("#message-menu").get_by_role("button", name="Reply")).to_be_hidden()
    ada.page.keyboard.press("Escape")
    grace.find_the_connection()
    expect(grace.page.get_by_text("This room is archived: it can be read")).to_have_count(2)
    expect(grace.page.get_by_text("Not sent.")).to_contain_text("An owner can reopen it.")
    expect(grace.page.get_by_role("button", name="Edit", exact=True)).to_be_hidden()
    expect(grace.box).to_be_hidden()
    ada.page.goto(f"{room}settings/")
    ada.page.get_by_role("button", name="Reopen the room").click()
    grace.page.get_by_role("button", name="Try again").click()
    expect(grace.said.last).to_have_text("Too late")
    expect(grace.box).to_be_visible()


def test_whoever_is_here_is_listed_first_and_others_are_found_by_name(
    ada: Person, grace: Person, site: Server, manage: Manage
) -> None:
    room = make_room(ada, "Ballroom")
    enter(grace, room)
    code = CROWD.format(slug=room.split("/")[2])
    manage(site.project, "shell", "-c", code, **site.environment)
    names = ada.page.locator(".member:visible [data-part=name]")
    expect(names).to_have_count(14)
    expect(names.first).to_have_text("Ada Lovelace")
    expect(names.nth(1)).to_have_text("Grace Hopper")
    expect(names.nth(2)).to_have_text("aaron00")
    grace.page.close()
    expect(names.nth(1)).to_have_text("aaron00")
    expect(names.last).to_have_text("Grace Hopper")
    finder = ada.page.get_by_label("Find somebody in this room")
    finder.fill("@AARON1")
    expect(names).to_have_text(["aaron10", "aaron11"])
    finder.fill("owner")
    expect(names).to_have_count(0)
    finder.fill("nobody")
    expect(ada.page.get_by_text("Nobody here has that name.")).to_be_visible()
    finder.fill("")
    expect(names).to_have_count(14)


def test_how_much_to_be_told_of_a_room_is_kept(ada: Person) -> None:
    room = make_room(ada, "Cellar")
    level = ada.page.get_by_label("Notify me of")
    expect(level).to_have_value("mentions")
    with ada.page.expect_response("**/notifications/level/"):
        level.select_option("Nothing")
    ada.page.goto(room)
    expect(level).to_have_value("nothing")


def test_in_a_small_room_everybody_sees_who_has_read_what(ada: Person, grace: Person) -> None:
    room = make_room(ada, "Den")
    ada.say("One")
    expect(ada.said.last).to_have_text("One")
    receipts = ada.page.locator(".message__readers")
    expect(receipts).to_have_count(0)
    enter(grace, room)
    expect(ada.message("One").locator(".message__readers")).to_contain_text("Seen by Grace Hopper")
    ada.say("Two")
    expect(ada.message("Two").locator(".message__readers")).to_contain_text("Seen by Grace Hopper")
    expect(receipts).to_have_count(1)
    grace.say("Three")
    expect(grace.message("Three").locator(".message__readers")).to_contain_text(
        "Seen by Ada Lovelace"
    )
    expect(receipts).to_have_count(0)  # who has written it has seen it
    grace.page.goto("/")
    ada.say("Four")
    expect(ada.said.last).to_have_text("Four")
    ada.page.reload()
    expect(ada.said.last).to_have_text("Four")
    expect(receipts).to_have_count(0)


def test_in_a_large_room_nobody_sees_it(
    ada: Person, grace: Person, site: Server, manage: Manage
) -> None:
    room = make_room(ada, "Garden")
    ada.say("One")
    enter(grace, room)
    receipts = ada.page.locator(".message__readers")
    expect(receipts).to_have_count(1)
    code = CROWD.format(slug=room.split("/")[2]).replace("aaron", "guest")
    manage(site.project, "shell", "-c", code, **site.environment)
    expect(receipts).to_have_count(0)


def test_in_a_large_room_those_who_are_not_listed_are_counted_too(
    ada: Person, grace: Person, site: Server, manage: Manage
) -> None:
    room = make_room(ada, "Stadium")
    enter(grace, room)
    code = CROWD.format(slug=room.split("/")[2]).replace("aaron", "fan").replace("12", "200")
    manage(site.project, "shell", "-c", code, **site.environment)
    ada.page.reload()
    ada.comes_in()
    count = ada.page.locator("[data-room-page] [data-part=count]").first
    expect(count).to_have_text("202")
    expect(ada.page.locator("[data-username=grace]")).to_have_count(0)
    grace.page.get_by_role("button", name="Leave the room").click()
    grace.page.get_by_role("dialog").get_by_role("button", name="Leave").click()
    expect(count).to_have_text("201")


def test_an_unread_message_that_is_deleted_is_not_counted_any_more(
    ada: Person, grace: Person
) -> None:
    room = make_room(ada, "Attic")
    enter(grace, room)
    grace.page.goto("/")
    badge = grace.item_of(room).get_by_role("img")
    ada.say("One", "Two")
    expect(badge).to_have_accessible_name("2 unread")
    ada.message("Two").focus()
    ada.page.keyboard.press("Delete")
    ada.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(badge).to_have_accessible_name("1 unread")


def test_a_picture_is_shown_wherever_its_person_is(
    ada: Person, grace: Person, tmp_path: Path
) -> None:
    room = make_room(ada, "Hall")
    enter(grace, room)
    grace.say("Do you see me?")
    expect(ada.said.last).to_have_text("Do you see me?")
    file = tmp_path / "me.png"
    Image.new("RGB", (60, 40), "teal").save(file)
    grace.page.goto("/settings/profile/")
    grace.page.get_by_label("Picture").set_input_files(file)
    grace.page.get_by_role("button", name="Use this picture").click()
    picture = grace.page.locator(".profile-head image")
    expect(picture).to_be_visible()
    address = picture.get_attribute("href")
    for place in (ada.message("Do you see me?"), ada.page.locator(".member", has_text="Grace")):
        expect(place.locator("image").first).to_have_attribute("href", str(address))
    loaded = "async href => { const image = new Image(); image.src = href; await image.decode(); }"
    ada.page.evaluate(loaded, address)
    grace.page.get_by_role("button", name="Remove the picture").click()
    expect(ada.message("Do you see me?").locator("image")).to_have_count(0)


def test_lists_that_change_keep_the_focus(ada: Person, grace: Person) -> None:
    room = make_room(ada, "Hall")
    other = make_room(grace, "Yard")
    enter(ada, other)
    grace.say("Before")
    enter(grace, room)
    item = ada.item_of(other)
    expect(ada.page.locator("[data-part=rooms] a").first).to_have_attribute("href", other)
    item.focus()
    grace.say("News")
    expect(ada.page.locator("[data-part=rooms] a").first).to_have_attribute("href", room)
    expect(item).to_be_focused()

    ada.page.goto("/")
    link = ada.page.locator(".home").get_by_role("link", name="New room")
    link.focus()
    make_room(grace, "Attic of Grace")
    grace.page.get_by_label("Username of somebody to invite").fill("ada")
    grace.page.get_by_role("button", name="Invite", exact=True).click()
    expect(ada.page.get_by_role("button", name="Accept")).to_be_visible()
    expect(link).to_be_focused()


def test_a_button_that_goes_leaves_the_focus_to_what_it_led_to(ada: Person) -> None:
    make_room(ada, "Loft")
    ada.say("\n".join(["a line"] * 20), "\n".join(["a line"] * 20), "The last one")
    expect(ada.message("The last one")).to_be_in_viewport()
    ada.page.locator("[data-part=timeline]").evaluate("view => (view.scrollTop = 0)")
    latest = ada.page.get_by_role("button", name="Latest messages")
    expect(latest).to_be_visible()
    ada.page.keyboard.press("Shift+Tab")  # what is focused next is focused by keys
    latest.focus()
    ada.page.keyboard.press("Enter")
    expect(ada.message("The last one")).to_be_focused()


def test_the_focus_of_someone_who_is_removed_goes_on_to_the_way_out(
    ada: Person, grace: Person
) -> None:
    room = make_room(grace, "Club")
    enter(ada, room)
    grace.page.get_by_role("button", name="More about Ada Lovelace").click()
    grace.page.get_by_role("button", name="Remove from the room").click()
    grace.page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(ada.page.get_by_text("You are not in this room any more.")).to_be_visible()
    expect(ada.page.get_by_role("alert").get_by_role("link", name="All rooms")).to_be_focused()


def test_what_is_chosen_shows_where_the_system_sets_the_colours(ada: Person) -> None:
    make_room(ada, "Gallery")
    ada.page.emulate_media(forced_colors="active")
    ada.page.keyboard.press("Control+k")
    places = ada.page.get_by_role("dialog").get_by_role("option")
    expect(places.first).to_be_visible()
    outlines = places.evaluate_all("all => all.map(one => getComputedStyle(one).outlineStyle)")
    assert (outlines[0], set(outlines[1:])) == ("solid", {"none"})


def test_who_is_here_shows_where_the_system_sets_the_colours(ada: Person, grace: Person) -> None:
    room = make_room(ada, "Terrace")
    enter(grace, room)
    dot = ada.dot_of("grace")
    expect(dot).to_have_attribute("data-presence", "online")
    ada.page.emulate_media(forced_colors="active")
    black, white = "rgb(0, 0, 0)", "rgb(255, 255, 255)"
    assert dot.evaluate(DOT) == [black, white]
    dot.evaluate("dot => (dot.dataset.presence = 'away')")
    assert dot.evaluate(DOT) == [white, black]


def test_the_way_back_closes_the_people_before_it_leaves_the_room(arrive: Arrive) -> None:
    ada = arrive("ada", phone=True)
    ada.page.add_init_script(NOTE_WATCHERS)
    ada.make_room("Veranda")
    people = ada.page.get_by_role("button", name="People:")
    panel = ada.page.get_by_role("complementary", name="People")
    go_back = "watchers.at(-1).requestClose()"  # as Android's Back does
    people.click()
    expect(panel).to_be_visible()
    ada.page.evaluate(go_back)
    expect(panel).to_be_hidden()
    expect(people).to_be_focused()
    people.click()
    panel.get_by_role("button", name="Close").click()
    ada.page.evaluate(go_back)
    expect(panel).to_be_hidden()


def test_the_focus_goes_back_to_where_it_was_once_a_button_is_gone(ada: Person) -> None:
    make_room(ada, "Balcony")
    ada.lose_the_connection()
    ada.box.press("a")  # what is focused next is focused by keys
    ada.page.get_by_role("button", name="Try now").focus()
    ada.find_the_connection()
    expect(ada.box).to_be_focused()


def test_what_the_browser_does_not_let_copy_is_offered(ada: Person) -> None:
    room = make_room(ada, "Scriptorium")
    ada.say("Copy me")
    ada.page.evaluate(REFUSE_THE_CLIPBOARD)
    ada.message("Copy me").focus()
    ada.page.keyboard.press("Enter")
    ada.page.get_by_role("button", name="Copy the link").press("Enter")
    toast = ada.page.get_by_role("status").locator(".toast")
    expect(toast).to_contain_text("Copy it from here: http://127.0.0.1:")
    expect(toast).to_contain_text(f"{room}?at=1")
    ada.box.focus()
    toast.get_by_role("button", name="Dismiss").focus()
    ada.page.keyboard.press("Enter")
    expect(toast).to_have_count(0)
    expect(ada.box).to_be_focused()


def test_a_picture_by_itself_is_shown_as_the_browser_shows_pictures(
    ada: Person, tmp_path: Path
) -> None:
    make_room(ada, "Studio")
    file = tmp_path / "me.png"
    Image.new("RGB", (60, 40), "teal").save(file)
    ada.page.get_by_label("Files", exact=True).set_input_files(file)
    ada.box.press("Enter")
    picture = ada.page.locator("[data-seq]").get_by_role("link", name="me.png")
    expect(picture).to_be_visible()
    tab = ada.context.new_page()
    tab.goto(str(picture.get_attribute("href")))
    expect(tab.locator("img")).to_be_visible()  # and its console complains of nothing


def test_the_beginning_comes_above_what_is_read_and_nothing_moves(
    ada: Person, site: Server, manage: Manage
) -> None:
    room = make_room(ada, "Hallway")
    manage(site.project, "shell", "-c", TALK.format(slug="hallway"), **site.environment)
    holding = False
    held: list[str | bytes] = []

    def connect(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()
        server.on_message(lambda frame: held.append(frame) if holding else socket.send(frame))
        ada.sockets += [socket, server]

    ada.page.route_web_socket("**/ws/", connect)
    enter(ada, f"{room}?at=60")
    beginning = ada.page.get_by_text("This is where the room begins.")
    expect(beginning).to_be_hidden()
    holding = True
    view = ada.page.locator("[data-part=timeline]")
    view.evaluate("view => (view.scrollTop = 400)")
    expect(ada.page.get_by_text("Loading messages…")).to_be_visible()
    seq = ada.page.locator("[data-seq]").nth(3).get_attribute("data-seq")
    read = ada.page.locator(f"[data-seq='{seq}']")
    before = read.bounding_box()
    holding = False
    while held:
        ada.sockets[-2].send(held.pop(0))
    expect(ada.page.locator("[data-part=beginning]:not([hidden])")).to_be_attached()
    assert read.bounding_box() == before


def test_what_was_said_today_was_said_yesterday_after_midnight(
    ada: Person, site: Server, manage: Manage
) -> None:
    room = make_room(ada, "Bedroom")
    ada.say("Last week")
    expect(ada.said).to_have_text(["Last week"])
    manage(site.project, "shell", "-c", LAST_WEEK.format(slug="bedroom"), **site.environment)
    ada.say("Good night")
    expect(ada.said).to_have_count(2)
    ada.page.clock.install()
    enter(ada, room)
    day = ada.message("Good night").locator("[data-part=day]")
    expect(day).to_have_text("Today")
    ada.page.clock.fast_forward("24:00:00")
    expect(day).to_have_text("Yesterday", timeout=10_000)


def test_an_address_of_a_message_shows_which_one_it_is(ada: Person) -> None:
    room = make_room(ada, "Library")
    ada.say("This one", "That one", "Another")
    expect(ada.said).to_have_count(3)
    ada.page.add_init_script(NOTE_ENDS)
    enter(ada, f"{room}?at=2")
    ada.page.wait_for_function("() => window.ended === 'message-2'")
