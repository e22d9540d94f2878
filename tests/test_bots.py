"""Webhooks and answering bots of a bake: docs/bots.md as it stands, and killed processes."""

import importlib.util
import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Browser, Page, StorageState, expect

from tests.conftest import Bake, Manage, Prepare
from tests.people import Person
from tests.programs import program
from tests.projects import Server, served
from tests.services import Postgres, wait_for

RUNWORKER = "python manage.py runworker tasks"
MESSAGES = 40
MORE_ANSWERS = """

import asyncio


async def slow(conversation: Conversation) -> AsyncGenerator[str, None]:
    for number in range(400):
        yield f"word{number} "
        await asyncio.sleep(0.1)
"""
MAKE = """
import json
from accounts.models import User
from bots import actions as bots
from chat import actions

ada = User.objects.get(username="ada")
room = actions.create_room(ada, name={name!r})
_, writing = bots.create_webhook(room, ada, name={name!r} + " writes")
hearing, _ = bots.create_webhook(room, ada, name={name!r} + " hears", url={url!r})
bots.add_answering_bot(room, ada, "helper")
bots.add_answering_bot(room, ada, "storyteller")
print(json.dumps([room.slug, writing, hearing.signing_secret]))
"""


@dataclass
class Site:
    """A bake with bots, and the room of one test."""

    project: Path
    python: Path
    manage: Manage
    surroundings: dict[str, str]

    def make_room(self, name: str, url: str) -> tuple[str, str, str]:
        """A room's slug, the secret of a webhook that writes, the key of one that hears."""
        code = MAKE.format(name=name, url=url)
        said = self.manage(self.project, "shell", "-v", "0", "-c", code, **self.surroundings)
        slug, writing, key = json.loads(said.splitlines()[-1])
        return slug, writing, key

    def rows(self, query: str) -> list[list[Any]]:  # Any: of each column's type
        wanted = f"SELECT coalesce(json_agg(q), '[]') FROM ({query}) q"
        command = [program("psql"), "-X", "-t", "-A", "-c", wanted]
        url = self.surroundings["DATABASE_URL"]
        done = subprocess.run([*command, url], capture_output=True, text=True, check=True)
        return [list(row.values()) for row in json.loads(done.stdout)]

    @contextmanager
    def serving(self, **changes: str) -> Iterator[Server]:
        with Server(self.python, self.project, self.surroundings | changes) as server:
            yield server

    @contextmanager
    def worker(self) -> Iterator[Server]:
        """A worker that is not launched yet."""
        worker = Server(self.python, self.project, self.surroundings, RUNWORKER)
        with ExitStack() as stack:
            stack.push(worker)
            yield worker


@pytest.fixture(scope="module")
def documented(bake: Bake) -> tuple[Path, str]:
    project = bake(asgi_server="uvicorn")
    text = (project / "docs" / "bots.md").read_text("utf-8")
    (answers,) = re.findall(r"```python\n(from collections.abc.*?)```", text, re.DOTALL)
    (project / "helper").mkdir()
    (project / "helper" / "__init__.py").touch()
    (project / "helper" / "answers.py").write_text(answers + MORE_ANSWERS, "utf-8")
    return project, text


@pytest.fixture(scope="module")
def site(
    documented: tuple[Path, str],
    python: Path,
    manage: Manage,
    prepare: Prepare,
    postgres: Postgres,
    redis_url: str,
) -> Site:
    project, text = documented
    (bots,) = re.findall(r"ANSWERING_BOTS='(\{.*?\})'", text)
    surroundings = served(
        DATABASE_URL=postgres.create_database(),
        REDIS_URL=redis_url,
        REDIS_PREFIX=f"bots{os.getpid()}:",
        ALLOW_PRIVATE_ADDRESSES="true",
        ANSWERING_BOTS=json.dumps(json.loads(bots) | {"storyteller": "helper.answers.slow"}),
        REALTIME=json.dumps({"TASK_LEASE_SECONDS": 2}),
        TASKS_IN_WEB="false",
    )
    prepare(project, "seed_demo --force", **surroundings)
    return Site(project, python, manage, surroundings)


@pytest.fixture
def receiver(documented: tuple[Path, str]) -> Iterator[Any]:  # Any: the bake's own
    file = documented[0] / "realtime" / "tests" / "receiver.py"
    spec = importlib.util.spec_from_file_location("receiver", file)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with module.receiving() as receiver:
        yield receiver


def test_the_page_of_bots_says_what_is_true(
    site: Site, receiver: Any, documented: tuple[Path, str]
) -> None:
    text = documented[1]
    commands = re.findall(r"^curl .*$", text, re.MULTILINE)
    (checking,) = re.findall(r"```python\n(def is_genuine.*?)```", text, re.DOTALL)
    scope: dict[str, Any] = {}
    exec("import base64, hmac\nfrom collections.abc import Mapping\n" + checking, scope)
    slug, secret, key = site.make_room("Docs", receiver.url())
    with site.serving() as server, site.worker() as worker:
        worker.launch()
        address = {"ADDRESS": f"{server.url}/hooks/{secret}/"}
        answers = [
            json.loads(
                subprocess.run(
                    ["sh", "-c", each], env=os.environ | address, capture_output=True, check=True
                ).stdout
            )
            for each in [*commands, commands[-1]]
        ]
        wait_for(lambda: len(receiver.taken) == 3, "three deliveries")
        assert secret not in server.log
    assert answers == [{"room": slug, "seq": seq} for seq in (1, 2, 3, 3)]
    assert [json.loads(body)["data"]["message"]["body"] for *_, body in receiver.taken] == [
        "Deployed 2.1",
        "Deployed 2.1",
        "Build 7 is green",
    ]
    for _, headers, body in receiver.taken:
        assert scope["is_genuine"](key, headers, body)
        assert not scope["is_genuine"](key, headers, body + b" ")


def test_nothing_is_lost_while_servers_workers_and_the_receiver_fail(
    site: Site, receiver: Any
) -> None:
    """Incoming: each post once, whenever it is sent again. Outgoing: at least once, in order."""
    slug, secret, _ = site.make_room("Storm", receiver.url())
    receiver.statuses = [204] * 10 + [500, 429, 302] + [204] * 20 + [503]
    sent, begun = 0, Event()

    def post_all(server: Server) -> None:
        nonlocal sent
        for number in range(MESSAGES):
            body = json.dumps({"text": f"message {number}", "id": str(number)}).encode()
            headers = {"Content-Type": "application/json"}
            while True:
                sent += 1
                with suppress(OSError, URLError, HTTPError):
                    request = Request(f"{server.url}/hooks/{secret}/", body, headers)
                    with urlopen(request, timeout=10) as answer:
                        assert json.load(answer)["room"] == slug
                        break
                time.sleep(0.05)
            begun.wait()
            time.sleep(0.1)  # so that processes are killed meanwhile

    def delivered(count: int) -> Callable[[], bool]:
        def enough() -> bool:
            hurry(site)
            return len({headers["webhook-id"] for _, headers, _ in taken(receiver)}) >= count

        return enough

    with ExitStack() as stack:
        server = stack.enter_context(site.serving())
        workers = [stack.enter_context(site.worker()) for _ in range(2)]
        posting = Thread(target=post_all, args=[server])
        posting.start()
        for turn in range(2):
            for worker in workers:
                worker.launch()
            receiver.seconds = 0.02
            wait_for(delivered(1), "the first delivery")
            begun.set()
            wait_for(delivered(5 + 10 * turn), "deliveries")
            for worker in workers:
                worker.kill()
            if posting.is_alive():
                server.kill()
                server.start()
        for worker in workers:
            worker.launch()
        posting.join(120)
        assert not posting.is_alive()
        wait_for(delivered(MESSAGES), "all deliveries")
        logs = server.log + "".join(worker.log for worker in workers)

    bodies = [
        body
        for (body,) in site.rows(
            "SELECT body FROM chat_message m JOIN chat_room r ON r.id = m.room_id"
            f" WHERE r.slug = '{slug}' ORDER BY seq"
        )
    ]
    assert sent > MESSAGES
    assert bodies == [f"message {number}" for number in range(MESSAGES)]
    seen = [json.loads(body)["data"]["message"]["body"] for _, _, body in taken(receiver)]
    assert list(dict.fromkeys(seen)) == bodies
    assert "Traceback" not in logs
    print(
        f"incoming: {sent} sent, {MESSAGES} acknowledged, 0 lost, 0 doubled; "
        f"outgoing: {len(receiver.taken)} sent, {MESSAGES} acknowledged, 0 lost, "
        f"{len(seen) - MESSAGES} again"
    )


def test_an_answer_whose_server_is_killed_keeps_what_was_shown_and_says_so(
    site: Site, receiver: Any
) -> None:
    slug, _, _ = site.make_room("Killed", receiver.url())
    ask = (
        "from accounts.models import User; from chat import actions; from chat.queries import *;"
        f"room = room_by_slug({slug!r}); ada = User.objects.get(username='ada');"
        "actions.post_message(room, ada, body='@storyteller go on', client_id='q')"
    )
    answers = (
        "SELECT body, writing, rev FROM chat_message m JOIN accounts_user u ON u.id = m.author_id"
        " WHERE u.username = 'storyteller'"
    )

    def answer() -> list[Any]:
        rows = site.rows(answers)
        assert len(rows) <= 1, rows
        return rows[0] if rows else ["", True, 0]

    with site.worker() as worker, site.worker() as next_worker:
        worker.launch()
        site.manage(site.project, "shell", "-c", ask, **site.surroundings)
        wait_for(lambda: "word9" in answer()[0], "a growing answer", worker.process)
        worker.kill()
        shown, writing, rev = answer()
        assert writing
        next_worker.launch()
        wait_for(lambda: not answer()[1], "its end", next_worker.process)
        assert answer() == [f"{shown}\n\n(Cut off: this was interrupted.)", False, rev + 1]
        assert "Traceback" not in worker.log + next_worker.log


def test_a_room_sees_an_answer_grow_and_who_asked_stops_it(
    site: Site, receiver: Any, browser: Browser
) -> None:
    slug, secret, _ = site.make_room("Stories", receiver.url())
    sessions: dict[str, StorageState] = {}
    with site.serving(TASKS_IN_WEB="true") as server:
        post = Request(f"{server.url}/hooks/{secret}/", b"text=Deployed")
        urlopen(post, timeout=10).close()
        ada = Person(browser, server, "ada", sessions)
        grace = Person(browser, server, "grace", sessions, phone=True)
        for person in (ada, grace):
            person.enter(f"/rooms/{slug}/")
        deployed = ada.message("Deployed")
        expect(deployed.locator("[data-part=bot]")).to_have_text("Bot")
        expect(ada.page.locator("[data-username=storyteller] [data-part=role]")).to_have_text("Bot")

        grace.box.fill("@storyteller tell me one, @ada listens")
        grace.page.get_by_role("button", name="Send").click()
        growing = [person.message("word5") for person in (ada, grace)]
        for each in growing:
            expect(each).to_have_class(re.compile("message--writing"))
            expect(each.get_by_role("button", name="Stop")).to_be_visible()  # ada moderates
        photograph(ada.page, "growing-1280")
        photograph(grace.page, "growing-390")
        growing[1].get_by_role("button", name="Stop").click()
        for person in (ada, grace):
            stopped = person.message("(Stopped.)")
            expect(stopped).not_to_have_class(re.compile("message--writing"))
            expect(stopped.get_by_role("button", name="Stop")).to_be_hidden()
        words = [each.message("(Stopped.)").locator("[data-part=body]") for each in (ada, grace)]
        assert words[0].inner_text() == words[1].inner_text()

        ada.say("@helper hello")
        expect(ada.page.locator("[data-seq]").last.locator("[data-part=body]")).to_have_text(
            "@helper hello"
        )
        ada.page.goto(f"/rooms/{slug}/bots/")
        ada.page.get_by_label("Name").fill("Builds")
        ada.page.get_by_role("button", name="Make a webhook").click()
        expect(ada.page.get_by_role("textbox", name="The address of Builds")).to_have_value(
            re.compile(f"^{server.url}/hooks/")
        )
        photograph(ada.page, "page-1280")
        ada.page.set_viewport_size({"width": 390, "height": 844})
        photograph(ada.page, "page-390")
        assert ada.complaints == grace.complaints == []
        assert "Traceback" not in server.log


def photograph(page: Page, name: str) -> None:
    """For whoever wants to look: in the folder PICTURES, if there is one."""
    if folder := os.environ.get("PICTURES"):
        page.screenshot(path=str(Path(folder, f"bots-{name}.png")), full_page=True)


def taken(receiver: Any) -> list[tuple[str, dict[str, str], bytes]]:
    return list(receiver.taken)


def hurry(site: Site) -> None:
    """Let what waits to be tried again be due now."""
    command = "UPDATE realtime_taskrow SET due_at = now() WHERE status = 'READY'"
    url = site.surroundings["DATABASE_URL"]
    subprocess.run([program("psql"), "-X", "-q", "-c", command, url], check=True)
