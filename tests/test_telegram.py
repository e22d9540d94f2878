"""The bridge to Telegram in real processes, against a Bot API that fails on purpose.

Processes are killed half-way: what was said in Telegram is posted once, and carried on once.
"""

import json
import random
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.conftest import Bake, Manage
from tests.people import Person
from tests.projects import Server, run, served
from tests.services import Postgres, wait_for
from tests.sites import LIMITS
from tests.tables import Table, shown_at_the_end
from tests.telegram_api import service

BRIDGE = "python manage.py runtelegram"
WORKER = "python manage.py runworker tasks"
RUNSERVER = "python manage.py runserver --noreload 127.0.0.1:{port}"
SAID = 120  # by each of two people
FAULTS = [None, 500, None, None, "lose", None, 429, None, "drop", None, 409, None, None, 502]

PEOPLE = """
from accounts.models import User
from bridges.telegram import conversation, linking
from chat import actions
ada, bob = (User.objects.create(username=name, email=name) for name in ("ada", "bob"))
room = actions.create_room(ada, name="Tea")
actions.enter(room, bob)
for chat_id, user in ((7, ada), (8, bob)):
    linking.link(linking.new_code(user), chat_id, user.username)
    conversation._room(user.telegram, "tea")
"""
MESSAGES = """
import json
from chat.models import Message
rows = Message.objects.order_by("seq").values_list("author__username", "body", "edited_at")
print(json.dumps([list(row) for row in rows], default=str))
"""


@pytest.fixture(scope="module")
def table() -> Table:
    columns = ("what happens", "sent", "acknowledged", "lost", "doubled")
    return shown_at_the_end(Table("Telegram", *columns))


@pytest.fixture(scope="module")
def project(bake: Bake) -> Path:
    return bake(telegram="yes")


@pytest.fixture(scope="module")
def api() -> Iterator[Any]:  # Any: see `service`
    with service().bot_api() as api:
        yield api


@pytest.fixture(scope="module")
def site(
    project: Path, manage: Manage, postgres: Postgres, redis_url: str, api: Any
) -> dict[str, str]:
    """The environment of a site where ada (chat 7) and bob (8) read and write one room."""
    surroundings = served(
        DATABASE_URL=postgres.create_database(),
        REDIS_URL=redis_url,
        TELEGRAM_TOKEN=api.token,
        TELEGRAM_API=api.url,
        TASKS_IN_WEB="false",
        REALTIME=json.dumps({"TASK_LEASE_SECONDS": 1}),
        LOG_LEVEL="DEBUG",
    )
    manage(project, "migrate", **surroundings)
    manage(project, "shell", "-v0", "-c", PEOPLE, **surroundings)
    return surroundings


@contextmanager
def launched(
    python: Path, project: Path, surroundings: dict[str, str], *commands: str
) -> Iterator[list[Server]]:
    with ExitStack() as stack:
        servers = [Server(python, project, surroundings, command) for command in commands]
        for server in servers:
            stack.push(server)
            server.launch()
        yield servers


def test_a_bridge_and_a_worker_killed_half_way_lose_and_double_nothing(
    project: Path, python: Path, manage: Manage, site: dict[str, str], api: Any, table: Table
) -> None:
    chance = random.Random(11)
    api.faults["getUpdates"] = [*FAULTS]
    api.faults["sendMessage"] = [None, 429] * 3
    api.retry_after = 0.2
    said = {chat_id: [f"{chat_id}-{number}" for number in range(SAID)] for chat_id in (7, 8)}
    kills = {BRIDGE: 0, WORKER: 0}

    with launched(python, project, site, BRIDGE, WORKER) as (bridge, worker):
        api.wait(lambda: api.confirmed > 0 or api.pollers > 0)
        for each in zip(*said.values(), strict=True):
            for chat_id, text in zip(said, each, strict=True):
                api.say(chat_id, text)
            time.sleep(0.02)
            if chance.random() < 0.06:
                victim = chance.choice([bridge, bridge, worker])
                kills[victim.command] += 1
                victim.kill()
                victim.launch()
        api.wait(lambda: not api.updates)
        for chat_id, other in ((7, 8), (8, 7)):
            api.wait(lambda: f"Tea · {name(other)}: {said[other][-1]}" in api.texts(chat_id))  # noqa: B023
        logs = bridge.log + worker.log

    rows = messages(project, manage, site)
    for chat_id, other in ((7, 8), (8, 7)):
        posted = [body for author, body, _ in rows if author == name(chat_id)]
        count(table, f"to a room, {kills[BRIDGE]} kills of the bridge", said[chat_id], posted)
        assert posted == said[chat_id]
        heads = f"Tea · {name(other)}: "
        shown = [text.removeprefix(heads) for text in api.texts(chat_id)]
        count(table, f"to a chat, {kills[WORKER]} kills of the worker", said[other], shown)
        assert list(dict.fromkeys(shown)) == said[other]
        assert len(shown) <= SAID + kills[WORKER]  # one may be sent that nobody noted
    assert kills[BRIDGE] >= 2
    assert kills[WORKER] >= 1
    assert api.token not in logs
    assert "Traceback" not in logs


def test_of_two_pollers_one_says_so_and_nothing_is_doubled(
    project: Path, python: Path, manage: Manage, site: dict[str, str], api: Any
) -> None:
    with launched(python, project, site, BRIDGE, BRIDGE) as servers:
        for number in range(20):
            message = api.say(7, f"twice {number}")
            time.sleep(0.1)
        api.edit(message, "twice 19!")
        wait_for(lambda: any("another program polls" in each.log for each in servers), "The line")
        api.wait(lambda: not api.updates)

    rows = [row for row in messages(project, manage, site) if row[1].startswith("twice")]
    assert [body for _, body, _ in rows] == [*(f"twice {n}" for n in range(19)), "twice 19!"]
    assert [bool(edited) for *_, edited in rows] == [False] * 19 + [True]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"TELEGRAM_TOKEN": ""}, "TELEGRAM_TOKEN is not set. Make a bot with @BotFather"),
        ({"TELEGRAM_TOKEN": "secret-123"}, "TELEGRAM_TOKEN is not the token of a bot."),
        ({"TELEGRAM_TOKEN": f"1234:{'a' * 35}"}, "Telegram does not know TELEGRAM_TOKEN"),
        ({"TELEGRAM_API": "api.example.com"}, "TELEGRAM_API cannot be 'api.example.com'"),
    ],
)
def test_a_wrong_setting_ends_the_command_in_words(
    project: Path, python: Path, api: Any, wrong: dict[str, str], said: str
) -> None:
    surroundings = served(TELEGRAM_TOKEN=api.token, TELEGRAM_API=api.url) | wrong
    done = run([python, "manage.py", "runtelegram"], project, **surroundings)
    assert done.returncode
    assert said in done.stdout
    assert "Traceback" not in done.stdout
    assert not any(secret and secret in done.stdout for secret in wrong.values() if ":" in secret)


def test_the_example_of_the_documentation_answers(
    bake: Bake, python: Path, manage: Manage, api: Any
) -> None:
    project = bake(telegram="yes")
    text = (project / "docs/telegram.md").read_text(encoding="utf-8")
    route, example = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    asgi = project / "config/asgi.py"
    routed = asgi.read_text(encoding="utf-8")
    assert route.strip() in routed
    routed = routed.replace(
        "bridges.telegram.consumers import TelegramConsumer",
        "config.chatty import ChattyBotConsumer",
    )
    asgi.write_text(routed.replace("TelegramConsumer", "ChattyBotConsumer"), encoding="utf-8")
    (project / "config/chatty.py").write_text(example, encoding="utf-8")
    surroundings = served(TELEGRAM_TOKEN=api.token, TELEGRAM_API=api.url)
    manage(project, "migrate", **surroundings)

    api.say(5, "hello")
    with launched(python, project, surroundings, BRIDGE):
        api.wait(lambda: api.texts(5) == ["You said: hello"])


def test_a_person_links_their_account_and_talks(
    project: Path,
    python: Path,
    manage: Manage,
    browser: Browser,
    api: Any,
    tmp_path: Path,
) -> None:
    """In development, without any service."""
    database = f"sqlite:///{tmp_path / 'db.sqlite3'}"
    surroundings = served(
        DATABASE_URL=database,
        TELEGRAM_TOKEN=api.token,
        TELEGRAM_API=api.url,
        REALTIME=json.dumps(LIMITS),
    )
    manage(project, "migrate", **surroundings)
    manage(project, "seed_demo", **surroundings)
    with (
        Server(python, project, surroundings, RUNSERVER) as server,
        launched(python, project, surroundings, BRIDGE) as (bridge,),
    ):
        wait_for(lambda: "is connected" in bridge.log, "The bridge", bridge.process)
        ada = Person(browser, server, "ada", {})
        ada.page.goto("/settings/profile/")
        ada.page.get_by_role("link", name="Telegram").click()
        ada.page.get_by_role("button", name="Link to Telegram").click()
        link = ada.page.get_by_role("link", name="the chat with @parlour_bot")
        code = (link.get_attribute("href") or "").partition("?start=")[2]
        api.say(9, f"/start {code}")
        api.wait(lambda: "Hello Ada" in "".join(api.texts(9)))
        ada.page.get_by_role("link", name="Come back here").click()
        expect(ada.page.get_by_text("is linked to @a_name")).to_be_visible()

        api.say(9, "/room general")
        api.wait(lambda: any("You are in" in text for text in api.texts(9)))
        ada.enter("/rooms/general/")
        ada.say("from a browser")
        expect(ada.said.last).to_have_text("from a browser")
        api.wait(lambda: "General · Ada Lovelace: from a browser" in api.texts(9))
        api.say(9, "from Telegram")
        expect(ada.said.last).to_have_text("from Telegram")
        assert ada.complaints == []
        ada.context.close()


def messages(project: Path, manage: Manage, site: dict[str, str]) -> list[list[str]]:
    """Of each message its author, its body and when it was edited, in the order of the room."""
    said = manage(project, "shell", "-v0", "-c", MESSAGES, **site)
    rows: list[list[str]] = json.loads(said.splitlines()[-1])
    return rows


def name(chat_id: int) -> str:
    return {7: "ada", 8: "bob"}[chat_id]


def count(table: Table, what: str, sent: list[str], arrived: list[str]) -> None:
    lost, doubled = len(set(sent) - set(arrived)), len(arrived) - len(set(arrived))
    table.add(what, len(sent), len(set(arrived)), lost, doubled)
