"""The README's own consumer, as an app of a bake, and pages of it in Chromium.

Its topic has revisions and no history: whoever missed something joins again.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from playwright.sync_api import Browser, StorageState, WebSocketRoute, expect

from tests.conftest import Bake, Manage
from tests.people import Person
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


@pytest.fixture(scope="module")
def site(bake: Bake, manage: Manage, python: Path, redis_url: str) -> Iterator[Server]:
    project = bake()
    add_the_app(project)
    surroundings = served(REDIS_URL=redis_url)
    manage(project, "makemigrations", "documents", **surroundings)
    manage(project, "migrate", **surroundings)
    manage(project, "collectstatic", "--no-input", **surroundings)
    manage(project, "seed_demo", "--force", **surroundings)
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
    for number in range(80):
        rename(ada, f"Draft {number}")
        if len(wire.asked) > 1:
            break
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
