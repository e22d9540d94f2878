"""The catalogues in locale/: what gettext's programs make of the sources, and whole."""

import re
import shutil
import subprocess
from gettext import GNUTranslations
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.conftest import Bake, Manage
from tests.documentation import EVERY_PART
from tests.environment import SOURCE
from tests.people import PASSWORD
from tests.programs import program
from tests.projects import Server, environment, run, served
from tests.test_commands import blocks

PAGE = "docs/translations.md"
DATE = re.compile(r'^"(POT-Creation|PO-Revision)-Date: .*\n', re.MULTILINE)
NAMES = re.compile(r"%\(\w+\)s|\{\w+\}|</?\w+")
CATALOGUES = sorted(file.relative_to(SOURCE) for file in SOURCE.glob("locale/*/*/*.po"))


def type_commands(project: Path, python: Path, place: int) -> None:
    """Type the commands of a block of the page, with this Python in place of the project's own."""
    stands_in = f"make --old-file=.venv/dev --old-file=.env BIN={python.parent}"
    for line in blocks(project / PAGE)[place].lines:
        done = run(["bash", "-c", re.sub("^make", stands_in, line)], project)
        assert done.returncode == 0, done.stdout


def catalogues(project: Path) -> dict[Path, str]:
    """The sources of the catalogues, without the dates in them."""
    texts = {path: (project / path).read_text("utf-8") for path in CATALOGUES}
    return {path: DATE.sub("", text) for path, text in texts.items()}


def test_the_catalogues_have_the_texts_of_the_sources(bake: Bake, python: Path) -> None:
    project = bake(**EVERY_PART)
    before = catalogues(project)

    type_commands(project, python, 0)

    assert catalogues(project) == before


@pytest.mark.parametrize("path", CATALOGUES, ids=str)
def test_every_text_is_translated(path: Path, tmp_path: Path) -> None:
    compiled = tmp_path / "compiled.mo"
    done = subprocess.run(
        [program("msgfmt"), "--check", "--statistics", f"--output-file={compiled}", SOURCE / path],
        capture_output=True,
        text=True,
        env=environment(LC_ALL="C"),
    )

    assert re.fullmatch(r"\d+ translated messages\.\n", done.stderr), done.stderr
    assert compiled.read_bytes() == (SOURCE / path).with_suffix(".mo").read_bytes()


@pytest.mark.parametrize("path", CATALOGUES, ids=str)
def test_a_translation_has_the_names_that_are_in_the_text(path: Path) -> None:
    with (SOURCE / path).with_suffix(".mo").open("rb") as file:
        texts = vars(GNUTranslations(file))["_catalog"]  # of plurals, by the first form and number

    del texts[""]  # the head
    wrong = [
        translated
        for text, translated in texts.items()
        if names(translated) != names(text if isinstance(text, str) else text[0])
    ]
    assert wrong == []


def names(text: str) -> list[str]:
    return sorted(NAMES.findall(text))


def test_a_language_is_added(bake: Bake, python: Path) -> None:
    project = bake(**EVERY_PART)
    shutil.rmtree(project / "locale/de")

    type_commands(project, python, 1)

    names = sorted(file.name for file in (project / "locale/fr/LC_MESSAGES").iterdir())
    assert names == ["django.mo", "django.po", "djangojs.mo", "djangojs.po"]


def test_a_site_speaks_its_language_whatever_the_browser_prefers(
    bake: Bake, manage: Manage, python: Path, redis_url: str, browser: Browser
) -> None:
    project = bake()
    surroundings = served(REDIS_URL=redis_url, LANGUAGE_CODE="de")
    for command in (["migrate"], ["collectstatic", "--no-input"], ["seed_demo", "--force"]):
        manage(project, *command, **surroundings)
    with Server(python, project, surroundings) as server:
        page = browser.new_context(base_url=server.url, locale="en-GB").new_page()
        page.goto("/accounts/login/")
        page.get_by_label("Benutzername oder E-Mail").fill("ada")
        page.get_by_label("Passwort", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Anmelden").click()
        page.goto("/rooms/general/")
        box = page.get_by_label("Nachricht schreiben")
        box.fill("Hallo")
        box.press("Enter")
        expect(page.get_by_text("Heute", exact=True)).to_be_visible()
        expect(page.get_by_text("Hallo", exact=True)).to_be_visible()

        page.get_by_role("button", name="Emoji", exact=True).click()
        page.get_by_label("Emoji suchen").fill("rotes herz")
        expect(page.get_by_role("option", name="rotes Herz").first).to_be_visible()
        page.keyboard.press("Escape")

        page.get_by_label("Benutzername der Person").fill("niemand-da")
        page.get_by_role("button", name="Einladen", exact=True).click()
        expect(page.get_by_text("@niemand-da gibt es hier nicht")).to_be_visible()
