"""The binding of docs/binding.md, as an app of a bake, on the pages of two people in Chromium."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.conftest import Bake, Manage, Prepare
from tests.people import Person
from tests.programs import program
from tests.projects import Server, served
from tests.services import Postgres, Redis, wait_for
from tests.sites import LIMITS
from tests.test_documents import edit

ADMIN = """
from django.contrib import admin
from prices.models import Price

admin.site.register(Price)
"""
COMMAND = """
from django.core.management.base import BaseCommand
from prices.models import Price


class Command(BaseCommand):
    def handle(self, **options):
        Price.objects.get(name="Tea").delete()
"""
TASKS = """
from prices.models import Price
from realtime.tasks import task


@task
def raise_prices():
    for price in Price.objects.all():
        price.amount += 1
        price.save()
"""
CHURN = """
import random
from itertools import count
from pathlib import Path
from time import sleep
from django.core.management.base import BaseCommand
from prices.models import Price


class Command(BaseCommand):
    def add_arguments(self, parser):
        parser.add_argument("writer")

    def handle(self, writer, **options):
        chance = random.Random(writer)
        for step in count():
            if Path("enough").exists():
                break
            sleep(0.05)
            price = Price.objects.order_by("?").first()
            match chance.randrange(6):
                case 0 | 1:
                    Price.objects.create(name=f"{writer}{step:05}", amount=step)
                case 2 if price:
                    price.delete()
                case _ if price:
                    price.amount = chance.randrange(900)
                    price.save()
"""
LAST_REV = "SELECT coalesce(max(last_rev), 0) FROM realtime_stream"
UNFINISHED = "SELECT count(*) FROM realtime_taskrow WHERE status IN ('READY', 'RUNNING')"
ROWS = "SELECT id, name, amount FROM prices_price ORDER BY id"
ITEMS = """
SELECT key::int, data::json->>'name', data::json->>'amount'
FROM realtime_streamitem WHERE deleted_at IS NULL ORDER BY 1
"""
PAGE = """
{% extends "base.html" %}
{% load static %}
{% block main %}<ul></ul>{% endblock main %}
{% block scripts %}
  <script type="module"
          src="{% static 'prices/prices.js' %}"
          nonce="{{ request.csp_nonce }}"></script>
{% endblock scripts %}
"""
URLS = """
from django.urls import path
from django.views.generic import TemplateView

urlpatterns = [path("", TemplateView.as_view(template_name="prices/list.html"))]
"""
IMPORT = "from prices.models import Price; from prices.bindings import PriceBinding; "
BEGIN = """
from accounts.models import User
User.objects.update(is_staff=True, is_superuser=True)
Price.objects.bulk_create([Price(name="Tea", amount=2)])
"""


class Prices:
    """The site, its worker, and the pages of two people who look at its prices."""

    def __init__(
        self, server: Server, worker: Server, manage: Manage, people: list[Person]
    ) -> None:
        self.server = server
        self.worker = worker
        self.people = people
        self._manage = manage

    def command(self, *arguments: str) -> str:
        return self._manage(self.server.project, *arguments, **self.server.environment)

    def shell(self, code: str) -> None:
        self.command("shell", "-c", IMPORT + code)

    def shows(self, *rows: str) -> None:
        """Wait until both pages show these rows."""
        for person in self.people:
            expect(person.page.locator("main li")).to_have_text(list(rows))


@pytest.fixture(scope="module")
def redis() -> Iterator[Redis]:
    with Redis() as redis:
        yield redis


@pytest.fixture(scope="module")
def server(
    bake: Bake, manage: Manage, prepare: Prepare, python: Path, postgres: Postgres, redis: Redis
) -> Iterator[Server]:
    project = bake()
    surroundings = served(
        DATABASE_URL=postgres.create_database(),
        REDIS_URL=redis.url,
        TASKS_IN_WEB="false",
        REALTIME=json.dumps(LIMITS | {"TASK_LEASE_SECONDS": 2}),
    )
    add_the_app(project)
    manage(project, "makemigrations", "prices", **surroundings)
    prepare(project, "seed_demo --force", **surroundings)
    manage(project, "shell", "-c", IMPORT + BEGIN, **surroundings)
    with Server(python, project, surroundings) as server:
        yield server


@pytest.fixture
def worker(server: Server) -> Iterator[Server]:
    command = "python manage.py runworker tasks"
    worker = Server(server.python, server.project, server.environment, command)
    worker.launch()
    yield worker
    worker.stop()


@pytest.fixture
def prices(server: Server, worker: Server, browser: Browser, manage: Manage) -> Iterator[Prices]:
    people = [Person(browser, server, name, {}) for name in ("ada", "grace")]
    for person in people:
        person.losses_expected = True
        person.refusals_expected = True  # the admin has no icon
        person.page.goto("/prices/")
    yield Prices(server, worker, manage, people)
    for person in people:
        person.context.close()
        assert person.complaints == []
    assert "Traceback" not in server.log + worker.log


def test_whatever_changes_a_row_shows_on_both_pages(prices: Prices) -> None:
    assert "Repaired 1 of 1 rows of prices." in prices.command("sync_bindings")
    prices.shows("Tea: 2.00")

    admin = prices.people[0].context.new_page()
    admin.goto("/admin/prices/price/add/")
    admin.get_by_label("Name").fill("Coffee")
    admin.get_by_label("Amount").fill("3")
    admin.get_by_role("button", name="Save", exact=True).click()
    prices.shows("Coffee: 3.00", "Tea: 2.00")

    prices.shell("Price.objects.create(name='Cake', amount=4)")
    prices.shows("Cake: 4.00", "Coffee: 3.00", "Tea: 2.00")
    prices.command("drop_tea")
    prices.shows("Cake: 4.00", "Coffee: 3.00")
    prices.shell("from prices.tasks import raise_prices; raise_prices.enqueue()")
    prices.shows("Cake: 5.00", "Coffee: 4.00")

    prices.server.kill()
    prices.worker.kill()
    prices.shell(
        "Price.objects.get(name='Cake').delete(); Price.objects.create(name='Milk', amount=1)"
    )
    prices.server.start()
    prices.worker.launch()
    prices.shows("Coffee: 4.00", "Milk: 1.00")

    prices.shell("Price.objects.filter(name='Milk').update(amount=9)")
    assert "Repaired 1 of 2 rows of prices." in prices.command("sync_bindings")
    prices.shows("Coffee: 4.00", "Milk: 9.00")
    everything = "pks = list(Price.objects.values_list('pk', flat=True))\n"
    prices.shell(everything + documented(prices.server.project)[3])
    prices.shows("Coffee: 0.00", "Milk: 0.00")
    prices.shell(
        "Price.objects.bulk_create(Price(name=f'Z{n:03}', amount=1) for n in range(120));"
        "PriceBinding.changed(Price.objects.values_list('pk', flat=True))"
    )
    prices.shows("Coffee: 0.00", "Milk: 0.00", *(f"Z{n:03}: 1.00" for n in range(120)))
    prices.people[1].page.reload()
    prices.shows("Coffee: 0.00", "Milk: 0.00", *(f"Z{n:03}: 1.00" for n in range(120)))


def test_the_stream_ends_as_the_table_while_workers_are_killed(
    server: Server, worker: Server, redis: Redis
) -> None:
    command: list[str | Path] = [server.python, "manage.py", "churn"]

    def answer(query: str) -> str:
        psql = [program("psql"), "--no-psqlrc", "--csv", "--tuples-only", "--command", query]
        return subprocess.check_output([*psql, server.environment["DATABASE_URL"]], text=True)

    def goes_on() -> None:
        enough = int(answer(LAST_REV)) + 10
        wait_for(lambda: int(answer(LAST_REV)) > enough, f"change {enough}")

    with ExitStack() as stack:
        writers = [
            stack.enter_context(
                subprocess.Popen([*command, name], cwd=server.project, env=server.environment)
            )
            for name in "ab"
        ]
        stack.callback((server.project / "enough").touch)  # before they are waited for
        for fault in (worker.kill, redis.restart, worker.kill):
            goes_on()
            fault()
            if fault == worker.kill:
                worker.launch()
        goes_on()
        (server.project / "enough").touch()
        assert [writer.wait(60) for writer in writers] == [0, 0]

    wait_for(lambda: answer(UNFINISHED).strip() == "0", "the last task", worker.process)
    rows = answer(ROWS)
    assert rows.strip()
    assert answer(ITEMS) == rows


def documented(project: Path, language: str = "python") -> list[str]:
    """The code that docs/binding.md shows."""
    page = (project / "docs" / "binding.md").read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


def add_the_app(project: Path) -> None:
    """Do what docs/binding.md says, with the code that it shows."""
    models, bindings, route, _ = documented(project)
    (script,) = documented(project, "js")
    for name, text in {
        "__init__.py": "",
        "models.py": models,
        "bindings.py": bindings,
        "admin.py": ADMIN,
        "tasks.py": TASKS,
        "urls.py": URLS,
        "management/commands/drop_tea.py": COMMAND,
        "management/commands/churn.py": CHURN,
        "templates/prices/list.html": PAGE,
        "static/prices/prices.js": script,
    }.items():
        file = project / "prices" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.lstrip("\n"), encoding="utf-8")
    config = project / "config"
    edit(config / "settings.py", '    "accounts",\n', '    "accounts",\n    "prices",\n')
    edit(
        config / "urls.py",
        "urlpatterns = [\n",
        'urlpatterns = [\n    path("prices/", include("prices.urls")),\n',
    )
    with (config / "routing.py").open("a", encoding="utf-8") as routing:
        routing.write("\nfrom realtime.feeds.binding import StreamConsumer\n")
        routing.write(f"websocket_urlpatterns.append({route.strip()})\n")
