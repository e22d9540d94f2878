"""The box to write in, in Chromium: drafts, edits, files, and what waits to be sent."""

import pytest
from playwright.sync_api import FilePayload, Route, expect

from tests.conftest import Bake, Serve
from tests.people import Person
from tests.projects import Server
from tests.test_rooms_in_the_page import enter, make_room

DAMAGE = """(value) => {
  const { userId } = document.querySelector("[data-sidebar]").dataset;
  for (const name of ["recent", "tone"]) localStorage.setItem(`emoji:${userId}:${name}`, value);
}"""


@pytest.fixture(scope="module")
def site(bake: Bake, demo: Serve) -> Server:
    return demo(bake())


def test_an_edit_is_not_sent_in_place_of_a_message_that_waits_for_its_file(ada: Person) -> None:
    make_room(ada, "Darkroom")
    ada.say("First")
    expect(ada.said).to_have_text(["First"])
    held: list[Route] = []
    ada.page.route("**/attachments/", lambda route: held.append(route))
    ada.page.get_by_label("Files", exact=True).set_input_files(
        {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"notes"}
    )
    ada.box.press("Enter")
    ada.box.press("ArrowUp")
    ada.box.press_sequentially(" and sec")
    with ada.page.expect_response("**/attachments/"):
        held.pop().continue_()
    files = ada.page.get_by_label("Files to send")
    expect(files.get_by_role("progressbar")).to_be_hidden()
    ada.box.press_sequentially("ond")
    ada.box.press("Enter")
    expect(ada.said).to_have_text(["First and second"])
    expect(files).to_be_visible()
    ada.box.press("Enter")
    expect(ada.page.get_by_role("link", name="notes.txt")).to_be_visible()
    expect(ada.said).to_have_count(2)


def test_an_edit_that_is_not_saved_comes_back_and_the_draft_after_it(ada: Person) -> None:
    make_room(ada, "Study")
    ada.say("First")
    expect(ada.said).to_have_text(["First"])
    ada.box.fill("A draft")
    ada.page.locator("[data-seq]").focus()
    ada.page.keyboard.press("e")
    ada.box.fill("")
    ada.box.press("Enter")
    expect(ada.page.get_by_text("A message cannot be empty. Write something, or")).to_be_visible()

    ada.box.fill("First, with care")
    ada.lose_the_connection()
    ada.box.press("Enter")
    expect(ada.page.get_by_text("That did not go through")).to_be_visible()
    expect(ada.box).to_have_value("First, with care")
    ada.find_the_connection()
    ada.comes_in()
    ada.box.press("Enter")
    expect(ada.said).to_have_text(["First, with care"])
    expect(ada.box).to_have_value("A draft")


def test_a_file_that_does_not_get_through_is_tried_again_and_kept_from_being_lost(
    ada: Person,
) -> None:
    room = make_room(ada, "Archive")
    ada.losses_expected = True
    ada.page.route(f"**{room}attachments/", lambda route: route.abort())
    file: FilePayload = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"hello"}
    ada.page.get_by_label("Files", exact=True).set_input_files(file)
    listed = ada.page.get_by_label("Files to send").get_by_role("listitem")
    expect(listed).to_contain_text("It did not get through.")
    ada.page.on("dialog", lambda dialog: dialog.dismiss())
    with ada.page.expect_event("dialog") as asked:
        ada.page.get_by_role("link", name="Search this room").first.click()
    assert asked.value.type == "beforeunload"

    ada.page.unroute(f"**{room}attachments/")
    listed.get_by_role("button", name="Try again").click()
    expect(listed.get_by_role("progressbar")).to_be_hidden()
    ada.say("Here they are")
    link = ada.message("Here they are").get_by_role("link", name="notes.txt")
    expect(link).to_be_visible()
    ada.page.get_by_role("link", name="Search this room").first.click()
    ada.page.wait_for_url("**/search/**")


def test_a_phone_at_twice_the_size_of_text_has_room_to_write_in(ada: Person) -> None:
    make_room(ada, "Closet")
    ada.page.set_viewport_size({"width": 195, "height": 422})
    place = ada.box.bounding_box()
    assert place is not None
    assert place["width"] > 150


def test_what_is_sent_in_one_tab_does_not_wait_in_another(ada: Person) -> None:
    room = make_room(ada, "Kitchen")
    tab = ada.context.new_page()
    tab.goto(room)
    other = tab.get_by_label("Write a message")
    expect(tab.locator("[data-state=joined]")).to_be_visible()
    ada.box.fill("Said once")
    expect(other).to_have_value("Said once")
    ada.box.press("Enter")
    expect(ada.said).to_have_text(["Said once"])
    expect(other).to_have_value("")
    other.fill("Half written")
    expect(ada.box).to_have_value("Half written")


def test_what_waits_is_not_sent_by_whoever_has_signed_in_meanwhile(
    ada: Person, grace: Person, site: Server
) -> None:
    room = make_room(ada, "Diary")
    enter(grace, room)
    ada.lose_the_connection()
    ada.say("Ada's own words")
    expect(ada.waiting).to_have_text(["Ada's own words"])
    for cookie in grace.context.cookies():  # as if it were in another tab of the same browser
        ada.context.add_cookies(
            [{"name": cookie["name"], "value": cookie["value"], "url": site.url}]
        )
    ada.find_the_connection()
    expect(ada.page.get_by_role("heading", name="You are signed out.")).to_be_visible()
    for key in ("/", "?", "Control+k"):
        ada.page.keyboard.press(key)  # They lead nowhere from here, and break nothing.
    grace.say("Nothing was said before this")
    expect(grace.said).to_have_text(["Nothing was said before this"])


@pytest.mark.parametrize("recent", ["{", "1", "null", '"a"', "[null]"])
def test_emoji_are_offered_whatever_a_damaged_storage_holds(ada: Person, recent: str) -> None:
    make_room(ada, "Mosaic")
    ada.page.evaluate(DAMAGE, recent)
    for offered in ("thumbs up", "waving hand"):
        ada.page.get_by_role("button", name="Emoji", exact=True).click()
        ada.page.get_by_label("Find an emoji").fill(offered)
        ada.page.get_by_role("option", name=offered, exact=True).click()
    expect(ada.box).to_have_value("👍👋")
