"""The feed of docs/feeds.md, as an app of a bake, keeps the promise while processes are killed."""

import asyncio
import json
import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.conftest import Bake, Manage
from tests.conversations import Conversation, until
from tests.projects import served
from tests.services import Postgres, Redis
from tests.sites import LIMITS, Site
from tests.tables import Table, shown_at_the_end
from tests.wire import Json, RoomClient

numbers = count()


class BoardClient(RoomClient):
    """One person at one board. Cards say nothing of who wrote them."""

    prefix = "board"
    send = "card.add"
    text = "title"
    items = "items"
    events = ("card.created", "card.updated", "card.deleted")

    def sender(self, item: Json) -> str:
        return ""


class Boards(Conversation):
    """People who add cards to one board all the time."""

    client = BoardClient
    stored = (
        "SELECT seq, '', client_id FROM boards_card c JOIN boards_board b ON b.id = c.board_id"
        " WHERE slug = '{}' ORDER BY seq"
    )

    def new_feed(self) -> str:
        slug = f"board-{next(numbers)}"
        self.site.inside(f"from boards.models import Board; Board.objects.create(slug={slug!r})")
        return slug


@pytest.fixture(scope="module")
def table(pytestconfig: pytest.Config) -> Table:
    columns = ("what happens", "sent", "acknowledged", "seen by all")
    rest = ("lost", "doubled", "reordered", "longest gap, s")
    return shown_at_the_end(pytestconfig, Table("The documented feed", *columns, *rest))


@pytest.fixture(scope="module")
def board_site(bake: Bake, python: Path, manage: Manage, postgres: Postgres) -> Iterator[Site]:
    with Redis() as redis:
        surroundings = served(
            DATABASE_URL=postgres.create_database(),
            REDIS_URL=redis.url,
            REALTIME=json.dumps(LIMITS),
        )
        project = bake()
        add_the_app(project)
        manage(project, "makemigrations", "boards", **surroundings)
        manage(project, "migrate", **surroundings)
        manage(project, "collectstatic", "--no-input", **surroundings)
        with Site("daphne", project, python, surroundings, redis) as site:
            yield site


def test_the_documented_feed_loses_nothing_while_processes_are_killed(
    board_site: Site, table: Table
) -> None:
    async def scene() -> None:
        one, two = board_site.pair()
        async with Boards(board_site, [one, two]) as talk:
            await talk.goes_on()
            one.kill()
            await until(lambda: len(talk.on(two)) == 6, "everybody on the other process")
            await asyncio.to_thread(one.start)
            await asyncio.to_thread(board_site.redis.restart)
            await talk.goes_on()
            two.kill()
            await until(lambda: len(talk.on(one)) == 6, "everybody moved back")
            await talk.goes_on()
            outcome = await talk.settle()
        table.add("kill -9 of one, Redis restarted, kill -9 of the other", *outcome.cells)
        outcome.check()

    asyncio.run(scene())


def add_the_app(project: Path) -> None:
    """Do what docs/feeds.md says, with the code that it shows."""
    page = (project / "docs" / "feeds.md").read_text(encoding="utf-8")
    models, consumers, route = re.findall(r"```python\n(.*?)```", page, re.DOTALL)[:3]
    app = project / "boards"
    app.mkdir()
    (app / "__init__.py").touch()
    (app / "models.py").write_text(models, encoding="utf-8")
    (app / "consumers.py").write_text(consumers, encoding="utf-8")
    with (project / "config" / "settings.py").open("a", encoding="utf-8") as settings:
        settings.write('\nINSTALLED_APPS += ["boards"]\n')
    with (project / "config" / "routing.py").open("a", encoding="utf-8") as routing:
        routing.write("\nfrom boards.consumers import BoardConsumer\n")
        routing.write(f"websocket_urlpatterns.append({route.strip()})\n")
