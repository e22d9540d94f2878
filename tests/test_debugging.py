"""What docs/debugging.md tells of: the processes on a page, the frames of a page, the toolbar."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, Locator, StorageState, expect

from tests.conftest import Bake, Manage
from tests.people import Person
from tests.projects import Server, served
from tests.services import wait_for
from tests.sites import Site
from tests.test_documents import edit

RUNSERVER = "python manage.py runserver 127.0.0.1:{port}"

SAY_NONSENSE = """
new Promise(heard => {
  const socket = new WebSocket(location.origin.replace("http", "ws") + "/ws/", "realtime.v1");
  socket.onopen = () => socket.send("nonsense");
  socket.onmessage = ({ data }) => heard(JSON.parse(data).data.code);
})
"""


@contextmanager
def visiting(person: Person) -> Iterator[Person]:
    yield person
    person.context.close()
    assert person.complaints == []


@pytest.mark.parametrize("site", ["daphne"], indirect=True)  # on another server it is the same
def test_staff_see_each_process_as_long_as_it_runs(site: Site, browser: Browser) -> None:
    one, two = site.pair()
    staff = site.new_person()
    site.rows(f"UPDATE accounts_user SET is_staff = true WHERE id = {staff.id}")
    sessions = {staff.username: signed_in_by(staff.session)}
    with visiting(Person(browser, one, staff.username, sessions)) as watcher:
        page = watcher.page
        page.goto("/live/?frames")
        processes = page.locator("[data-part=processes] [data-part=process]")
        pids = {str(server.process.pid) for server in (one, two) if server.process}
        wait_for(lambda: pids == pids_in(processes), "both processes")

        codes = page.locator("[data-part=codes] li")
        invalid = codes.filter(has=page.get_by_text("invalid", exact=True)).locator("strong")
        before = int(invalid.inner_text()) if invalid.count() else 0
        assert page.evaluate(SAY_NONSENSE) == "invalid"
        expect(invalid).to_have_text(str(before + 1))

        frames = page.get_by_label("Frames of this page").get_by_role("listitem")
        expect(frames.filter(has_text=re.compile(r"↑\s+join\s+live #"))).to_have_count(1)
        expect(frames.filter(has_text=re.compile(r"↓\s+snapshot\s+live"))).not_to_have_count(0)

        two.kill()
        expect(processes).to_have_count(1)
        expect(processes).to_have_text(re.compile(f":{one.process.pid if one.process else None}$"))

        sockets = page.locator("[data-sum=sockets]")
        expect(sockets).to_have_text("2")  # the page's, and the one that spoke nonsense
        watcher.losses_expected = True
        one.kill()
        expect(page.get_by_text("Connection lost.")).to_be_visible()
        expect(processes).to_have_count(0)
        expect(sockets).to_have_text("–")
        expect(page.locator("[data-task=waiting]")).to_have_text("–")


def test_the_development_server_shows_the_toolbar_and_reloads_what_changes(
    bake: Bake, manage: Manage, python: Path, browser: Browser
) -> None:
    project = bake()
    add_the_toolbar(project)
    surroundings = served()
    manage(project, "migrate", **surroundings)
    manage(project, "seed_demo", **surroundings)
    with (
        Server(python, project, surroundings, RUNSERVER) as server,
        visiting(Person(browser, server, "ada", {})) as ada,
    ):
        ada.page.get_by_role("link", name=re.compile("^SQL")).click()
        expect(ada.page.locator("#SQLPanel")).to_contain_text("chat_room")
        room = ada.make_room("Kitchen")

        ada.losses_expected = True
        edit(project / "config/pages.py", '"site_name": settings.SITE_NAME', '"site_name": "Anew"')
        wait_for(lambda: shows(server, "Anew"), "runserver", server.process)
        ada.say("Still here")
        expect(ada.said).to_have_text(["Still here"])
        assert ada.page.evaluate("location.pathname") == room


def pids_in(processes: Locator) -> set[str]:
    return {text.rpartition(":")[2] for text in processes.all_inner_texts()}


def shows(server: Server, words: str) -> bool:
    try:
        return words in urlopen(f"{server.url}/accounts/login/").read().decode()
    except OSError:  # it starts again
        return False


def signed_in_by(session: str) -> StorageState:
    """The cookies of a browser that has this session."""
    return {
        "cookies": [
            {
                "name": "parlour_sessionid",
                "value": session,
                "domain": "127.0.0.1",
                "path": "/",
                "expires": -1,
                "httpOnly": True,
                "secure": False,
                "sameSite": "Lax",
            }
        ],
        "origins": [],
    }


def add_the_toolbar(project: Path) -> None:
    """Append what docs/debugging.md shows to the files that it names."""
    page = (project / "docs/debugging.md").read_text(encoding="utf-8")
    examples = re.findall(r"At the end of `([\w/]+\.py)`:\n\n```python\n(.*?)```", page, re.DOTALL)
    assert [name for name, _ in examples] == ["config/settings.py", "config/urls.py"]
    for name, text in examples:
        with (project / name).open("a", encoding="utf-8") as file:
            file.write(f"\n{text}")
