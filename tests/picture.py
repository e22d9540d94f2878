"""The moving picture of the README: `pytest tests/picture.py` draws it again, into docs/talk.webp.

Ada and Grace talk in a room of the demo. Their two pages are side by side.
"""

from io import BytesIO

from PIL import Image
from playwright.sync_api import Browser, expect

from tests.conftest import Bake, Manage, Serve
from tests.environment import ROOT
from tests.people import Person

SIZE = (640, 600)
GAP = 4  # between the pages, in pixels
LETTERS = 3  # typed between two frames
TYPING_MS, READING_MS = 120, 1400


class Film:
    """Frames of two pages, side by side."""

    def __init__(self, *people: Person) -> None:
        self.people = people
        self.frames: list[Image.Image] = []
        self.durations: list[int] = []

    def take(self, milliseconds: int) -> None:
        wide = SIZE[0] + GAP
        frame = Image.new("RGB", (wide * len(self.people) - GAP, SIZE[1]), "gray")
        for place, person in enumerate(self.people):
            shot = person.page.screenshot(animations="disabled")
            frame.paste(Image.open(BytesIO(shot)), (wide * place, 0))
        self.frames.append(frame)
        self.durations.append(milliseconds)

    def says(self, person: Person, words: str) -> None:
        """They type a message and send it, and the others see it."""
        person.box.click()
        for begin in range(0, len(words), LETTERS):
            person.page.keyboard.type(words[begin : begin + LETTERS])
            self.take(TYPING_MS)
        person.box.press("Enter")
        for other in self.people:
            expect(other.message(words)).to_be_visible()
        self.take(READING_MS)

    def save(self, name: str) -> None:
        first, *others = self.frames
        first.save(
            ROOT / name,
            save_all=True,
            append_images=others,
            duration=self.durations,
            loop=0,
            quality=60,
            method=6,
        )


def test_two_people_talk(bake: Bake, manage: Manage, serve: Serve, browser: Browser) -> None:
    server = serve(bake())
    manage(server.project, "seed_demo")
    ada, grace = (Person(browser, server, name, {}) for name in ("ada", "grace"))
    for person in (ada, grace):
        person.page.set_viewport_size({"width": SIZE[0], "height": SIZE[1]})
        person.enter("/rooms/general/")

    film = Film(ada, grace)
    film.take(READING_MS)
    film.says(ada, "Shall we meet at the river at noon?")
    film.says(grace, "Yes! I bring the tea.")
    ada.message("Yes! I bring the tea.").hover()
    ada.page.get_by_role("button", name="React").click()
    film.take(READING_MS)
    ada.page.get_by_role("button", name="Party").click()
    expect(grace.message("Yes! I bring the tea.").get_by_text("🎉 1")).to_be_visible()
    film.take(2 * READING_MS)
    film.save("docs/talk.webp")
