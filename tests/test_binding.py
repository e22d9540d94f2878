"""The binding of docs/binding.md, as an app of a bake, on the pages of two people in Chromium."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.conftest import Bake, Manage
from tests.people import Person
from tests.projects import Server, served
from tests.services import Postgres
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
def server(
    bake: Bake, manage: Manage, python: Path, postgres: Postgres, redis_url: str
) -> Iterator[Server]:
    project = bake()
    surroundings = served(
        DATABASE_URL=postgres.create_database(), REDIS_URL=redis_url, TASKS_IN_WEB="false"
    )
    add_the_app(project)
    manage(project, "makemigrations", "prices", **surroundings)
    manage(project, "migrate", **surroundings)
    manage(project, "collectstatic", "--no-input", **surroundings)
    manage(project, "seed_demo", "--force", **surroundings)
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
    prices.shell(
        "Price.objects.bulk_create(Price(name=f'Z{n:03}', amount=1) for n in range(120));"
        "PriceBinding.changed(Price.objects.values_list('pk', flat=True))"
    )
    prices.shows("Coffee: 4.00", "Milk: 9.00", *(f"Z{n:03}: 1.00" for n in range(120)))
    prices.people[1].page.reload()
    prices.shows("Coffee: 4.00", "Milk: 9.00", *(f"Z{n:03}: 1.00" for n in range(120)))


def add_the_app(project: Path) -> None:
    """Do what docs/binding.md says, with the code that it shows."""
    page = (project / "docs" / "binding.md").read_text(encoding="utf-8")
    models, bindings, route = re.findall(r"```python\n(.*?)```", page, re.DOTALL)[:3]
    (script,) = re.findall(r"```js\n(.*?)```", page, re.DOTALL)
    for name, text in {
        "__init__.py": "",
        "models.py": models,
        "bindings.py": bindings,
        "admin.py": ADMIN,
        "tasks.py": TASKS,
        "urls.py": URLS,
        "management/commands/drop_tea.py": COMMAND,
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
