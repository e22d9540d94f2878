"""The README's own consumer, as an app of a bake, and pages of it in Chromium; and what
docs/clients.md shows: the contract of that bake, and clients from elsewhere.

The consumer's topic has revisions and no history: whoever missed something joins again.
"""

import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import jsonschema
import pytest
from playwright.sync_api import Browser, StorageState, WebSocketRoute, expect

from tests.conftest import Bake, Manage, Prepare
from tests.people import PASSWORD, Person
from tests.programs import program
from tests.projects import Server, served

Json = dict[str, Any]  # Any: JSON

TOPIC = "document:plan"

APP = {
    "models.py": """
from django.db import models


class Document(models.Model):
    slug = models.SlugField(unique=True)
    title = models.CharField(max_length=64)
    rev = models.PositiveIntegerField(default=1)
""",
    "queries.py": """
from documents.models import Document


def document_for(user, slug):
    return Document.objects.get(slug=slug)
""",
    "actions.py": """
from django.db import transaction

from documents.models import Document
from realtime.delivery.publishing import publish


@transaction.atomic
def rename(user, slug, title):
    document = Document.objects.select_for_update().get(slug=slug)
    document.title = title
    document.rev += 1
    document.save()
    for topic in ("document", "board"):
        publish(f"{topic}:{slug}", "renamed", {"title": title}, rev=document.rev)
    return {"title": title}
""",
    "boards.py": """
from documents import queries
from realtime.consumers import Consumer
from realtime.database import in_database


class BoardConsumer(Consumer):  # gives no revision to count from
    events = {"welcome": dict[str, str], "renamed": dict[str, str]}

    async def join(self):
        slug = self.kwargs["slug"]
        self.topic = f"board:{slug}"
        await self.subscribe(self.topic)
        document = await in_database(queries.document_for, self.user, slug)
        self.welcome({"title": document.title})
""",
    "urls.py": """
from django.urls import path
from django.views.generic import TemplateView

from documents import views

urlpatterns = [
    path("plan/", TemplateView.as_view(template_name="documents/plan.html")),
    path("<slug:slug>/page/", views.document),
]
""",
    "templates/documents/plan.html": """
{% extends "base.html" %}
{% load static %}
{% block main %}
  <h1 data-topic="document:plan"></h1>
  <p data-topic="board:plan"></p>
  <input aria-label="Title">
{% endblock main %}
{% block scripts %}
  <script type="module"
          src="{% static 'documents/plan.js' %}"
          nonce="{{ request.csp_nonce }}"></script>
{% endblock scripts %}
""",
    "static/documents/plan.js": """
import { socket } from "../realtime/connection.js";

document.querySelector("main input").addEventListener("input", ({ target }) => {
  socket.topic("document:plan").request("rename", { title: target.value });
});

for (const element of document.querySelectorAll("[data-topic]")) {
  const topic = socket.topic(element.dataset.topic);
  const show = ({ detail }) => (element.textContent = detail.data.title);
  topic.addEventListener("welcome", show);
  topic.addEventListener("renamed", show);
  let welcomes = 0;
  topic.addEventListener("welcome", () => (element.dataset.welcomes = ++welcomes));
  topic.join();
}
""",
}

IMPORTS = """
import msgspec

from documents import actions, queries
from realtime.consumers import Consumer, command
from realtime.database import in_database
from realtime.protocol import ShortText

"""

BEGIN = "from documents.models import Document; Document.objects.create(slug='plan', title='None')"
RENAME = "from documents import actions; actions.rename(None, 'plan', 'Changed meanwhile')"
TOLD = """
from accounts.models import User
from notifications.actions import notify
from notifications.models import Notification

ada, grace = User.objects.order_by("username")
notify([grace], "documents.renamed", actor=ada, target="document:plan", title="Draft")
told = Notification.objects.get(kind="documents.renamed")
print(told.text, told.link)
"""
RESTORE = """
from documents.models import Document

Document.objects.update(title="Changed meanwhile", rev=1)
"""

GRACE_SAYS = """
from accounts.models import User
from chat import actions
from chat.models import Room

room, grace = Room.objects.get(slug="general"), User.objects.get(username="grace")
actions.post_messages([actions.Draft(room, grace.pk, "{0}", "{0}")])
"""
NPM = ["typescript@5", "@asyncapi/specs@6"]


@pytest.fixture(scope="module")
def site(
    bake: Bake, manage: Manage, prepare: Prepare, python: Path, redis_url: str
) -> Iterator[Server]:
    project = bake()
    add_the_app(project)
    surroundings = served(REDIS_URL=redis_url)
    manage(project, "makemigrations", "documents", **surroundings)
    prepare(project, "seed_demo --force", **surroundings)
    manage(project, "shell", "-c", BEGIN, **surroundings)
    with Server(python, project, surroundings) as server:
        yield server


class Wire:
    """The page's sockets, as they pass through the test."""

    def __init__(self) -> None:
        self.asked: list[Json] = []  # what the page sent for the document, but for its renames
        self.asked_at: list[float] = []
        self.lose_next = False  # the document's next event
        self.head_ahead = False  # a heartbeat above each welcome of the document's
        self._heads: Iterator[int] = iter(())

    def connect(self, page: WebSocketRoute) -> None:
        server = page.connect_to_server()

        def from_page(text: str | bytes) -> None:
            frame = json.loads(text)
            if frame["topic"] == TOPIC and frame["type"] != "rename":
                self.asked.append({"type": frame["type"], "data": frame["data"]})
                self.asked_at.append(monotonic())
            server.send(text)

        def from_server(text: str | bytes) -> None:
            frame = json.loads(text)
            if frame["topic"] == TOPIC and frame["type"] == "renamed" and self.lose_next:
                self.lose_next = False
                return
            page.send(text)
            if frame["topic"] == TOPIC and frame["type"] == "welcome" and self.head_ahead:
                beat = {"topic": TOPIC, "type": "heartbeat", "rev": frame["rev"] + 1, "data": {}}
                page.send(json.dumps(beat))

        page.on_message(from_page)
        server.on_message(from_server)


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def ada(browser: Browser, site: Server, wire: Wire) -> Iterator[Person]:
    """Ada, before the page of the document, which is called "Draft"."""
    ada = Person(browser, site, "ada", {})
    ada.context.route_web_socket("**/ws/", wire.connect)
    ada.page.goto("/documents/plan/")
    expect(ada.page.locator("[data-welcomes]")).to_have_count(2)
    rename(ada, "Draft")
    shows(ada, "Draft")
    yield ada
    ada.context.close()
    assert ada.complaints == []


@pytest.mark.parametrize("change", [RENAME, RESTORE], ids=["renamed", "restored-from-a-backup"])
def test_the_page_goes_on_after_the_server_was_away(
    ada: Person, site: Server, manage: Manage, wire: Wire, change: str
) -> None:
    ada.losses_expected = True

    site.kill()
    manage(site.project, "shell", "-c", change, **site.environment)
    site.start()
    shows(ada, "Changed meanwhile")
    rename(ada, "Changed afterwards")

    shows(ada, "Changed afterwards")
    assert wire.asked == [{"type": "join", "data": {}}] * 2


def test_an_event_that_was_lost_is_repaired_by_joining_again(ada: Person, wire: Wire) -> None:
    wire.lose_next = True
    rename(ada, "This event is lost")
    rename(ada, "Second draft")

    shows(ada, "Second draft")
    assert wire.asked == [{"type": "join", "data": {}}] * 2
    rename(ada, "Third draft")
    shows(ada, "Third draft")


def test_a_gap_is_repaired_while_further_events_keep_coming(ada: Person, wire: Wire) -> None:
    wire.lose_next = True
    for number in range(300):
        rename(ada, f"Draft {number}")
        if len(wire.asked) > 1:
            break
        ada.page.wait_for_timeout(60)
    else:
        pytest.fail("the page has waited for events to stop")


def test_a_head_that_no_welcome_reaches_is_asked_for_ever_more_seldom(
    ada: Person, wire: Wire
) -> None:
    wire.head_ahead = True
    wire.asked_at.clear()
    ada.page.reload()

    expect(ada.page.locator("h1")).to_have_attribute("data-welcomes", "5")
    assert wire.asked_at[-1] - wire.asked_at[0] > 2  # 0.2 + 0.4 + 0.8 + 1.6 seconds


def test_the_page_of_the_documentation_renames_and_says_what_was_refused(
    browser: Browser, site: Server
) -> None:
    sessions: dict[str, StorageState] = {}
    ada, grace = (Person(browser, site, name, sessions) for name in ("ada", "grace"))
    for person in (ada, grace):
        person.page.goto("/documents/plan/page/")
    ada.page.get_by_label("Title").fill("By the page")
    ada.page.get_by_role("button", name="Rename").click()
    for person in (ada, grace):
        expect(person.page.locator("h1")).to_have_text("By the page")

    field = ada.page.get_by_label("Title")
    field.evaluate("field => field.removeAttribute('maxlength')")
    field.fill("x" * 65)
    ada.page.get_by_role("button", name="Rename").click()
    expect(ada.page.get_by_role("alert")).to_contain_text("64")
    expect(field).to_have_value("x" * 65)
    for person in (ada, grace):
        assert person.complaints == []
        person.context.close()


def test_the_notification_of_the_documentation_is_told(site: Server, manage: Manage) -> None:
    said = manage(site.project, "shell", "-c", TOLD, **site.environment)
    assert said.splitlines()[-1] == "Ada Lovelace called it Draft /documents/plan/"


@pytest.fixture(scope="module")
def examples(site: Server) -> dict[str, list[str]]:
    """The examples of docs/clients.md, by their language."""
    page = (site.project / "docs/clients.md").read_text(encoding="utf-8")
    found: dict[str, list[str]] = {}
    for language, code in re.findall(r"^```(\w+)\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        found.setdefault(language, []).append(code)
    return found


def test_the_contract_is_valid_and_its_types_compile(
    site: Server, manage: Manage, examples: dict[str, list[str]], tmp_path: Path
) -> None:
    manage(site.project, "asyncapi", **site.environment)
    npm = [program("npm"), "install", "--no-audit", "--no-fund", "--prefix", str(tmp_path), *NPM]
    subprocess.run(npm, check=True, capture_output=True)
    modules = tmp_path / "node_modules"

    published = modules / "@asyncapi/specs/schemas/3.0.0-without-$id.json"
    contract = json.loads((site.project / "docs/asyncapi.json").read_text("utf-8"))
    schema = json.loads(published.read_text("utf-8"))
    assert list(jsonschema.Draft7Validator(schema).iter_errors(contract)) == []
    assert contract["channels"]["document.slug"]["address"] == "document:{slug}"

    (example,) = examples["ts"]
    wrong = example.replace("client_id:", "id:").replace("message.body", "message.text")
    types = (site.project / "docs/realtime.d.ts").read_text("utf-8")
    for name, text in {"realtime.d.ts": types, "right.ts": example, "wrong.ts": wrong}.items():
        (tmp_path / name).write_text(text, "utf-8")
    options = ["--strict", "--noEmit", "--target", "es2022", "--lib", "es2022,dom"]
    compiler = [program("node"), str(modules / "typescript/bin/tsc"), *options]
    compiled = subprocess.run(
        [*compiler, "right.ts", "wrong.ts"], cwd=tmp_path, capture_output=True, text=True
    )
    assert re.findall(r"^(\w+\.ts)\(.* error (TS\d+)", compiled.stdout, re.MULTILINE) == [
        ("wrong.ts", "TS2353"),  # no such key in the data of the command
        ("wrong.ts", "TS2339"),  # nor in that of the event
    ]


def test_clients_from_elsewhere_are_live_and_come_back(
    site: Server, manage: Manage, browser: Browser, examples: dict[str, list[str]], tmp_path: Path
) -> None:
    names: dict[str, Any] = {}
    exec(examples["python"][1], names)
    token = names["session_token"](site.url, "ada", PASSWORD)
    (tmp_path / "room.py").write_text(examples["python"][2], encoding="utf-8")
    (html,) = (each.replace("https://chat.example.com", site.url) for each in examples["html"])
    html = html.replace("wss://chat.example.com", site.websocket_url)
    client = subprocess.Popen(
        [sys.executable, str(tmp_path / "room.py")],
        env=site.environment
        | {
            "PYTHONPATH": str(site.project / "clients"),
            "SERVER": site.websocket_url,
            "SESSION_TOKEN": token,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with another_site(html, lambda: names["ticket"](site.url, token)) as url, client:
        assert client.stdout is not None
        assert client.stderr is not None
        try:
            assert client.stdout.readline() == "Ada Lovelace says Hello from a program\n"
            page = browser.new_page()
            page.goto(url)
            expect(page.locator("#messages li").last).to_have_text("Hello from a program")

            site.kill()
            manage(site.project, "shell", "-c", GRACE_SAYS.format("Hello?"), **site.environment)
            site.start()
            assert client.stdout.readline() == "Grace Hopper says Hello?\n"
            expect(page.locator("#messages li").last).to_have_text("Hello?")
            assert page.locator("#messages li", has_text="Hello from a program").count() == 1
            page.close()

            sign_out(site, token)
            assert client.stderr.read().endswith("TurnedAwayError: closed with 4401\n")
        finally:
            client.kill()


def sign_out(site: Server, token: str) -> None:
    """End the session of a token; the answer, 401, says that nobody is signed in."""
    url = f"{site.url}/_allauth/app/v1/auth/session"
    with pytest.raises(HTTPError, match="401"):
        urlopen(Request(url, headers={"X-Session-Token": token}, method="DELETE"))


@contextmanager
def another_site(html: str, ticket: Callable[[], str]) -> Iterator[str]:
    """A site of another origin, with this page and a way to a ticket; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer("text/html", html)

        def do_POST(self) -> None:
            self.answer("text/plain", ticket())

        def answer(self, kind: str, body: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://localhost:{server.server_port}/"
        finally:
            server.shutdown()


def rename(person: Person, title: str) -> None:
    """Give the document another title, by the consumer's own command."""
    person.page.get_by_label("Title").fill(title)


def shows(person: Person, title: str) -> None:
    """Wait until both topics of the page show this title."""
    expect(person.page.locator("[data-topic]")).to_have_text([title, title])


def add_the_app(project: Path) -> None:
    """Write the app, and enter it where the README says."""
    readme = (project / "README.md").read_text(encoding="utf-8")
    examples = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    (consumer,) = [each for each in examples if "class DocumentConsumer" in each]
    lines = [each.strip().rstrip(",") for each in examples]
    (route,) = [each for each in lines if each.endswith("DocumentConsumer.as_asgi())")]
    board = route.replace("document", "board").replace("DocumentConsumer", "BoardConsumer")

    page = (project / "docs/extending.md").read_text(encoding="utf-8")
    shown = re.findall(r"`documents/(\S+)`:\n\n```\w+\n(.*?)```", page, re.DOTALL)
    assert len(shown) == 4
    files = {**APP, **dict(shown), "__init__.py": "", "consumers.py": IMPORTS + consumer}
    for name, text in files.items():
        file = project / "documents" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.lstrip("\n"), encoding="utf-8")
    edit(project / "config/settings.py", '    "accounts",\n', '    "accounts",\n    "documents",\n')
    edit(
        project / "config/urls.py",
        "urlpatterns = [\n",
        'urlpatterns = [\n    path("documents/", include("documents.urls")),\n',
    )
    routing = project / "config/routing.py"
    edit(
        routing,
        "\nfrom ",
        "\nfrom documents.boards import BoardConsumer\n"
        "from documents.consumers import DocumentConsumer\nfrom ",
    )
    (first,) = re.findall(r'.*\("ws/", .*\n', routing.read_text(encoding="utf-8"))
    edit(routing, first, f"{first}    {route},\n    {board},\n")


def edit(file: Path, old: str, new: str) -> None:
    """Replace the first `old` in a file."""
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
