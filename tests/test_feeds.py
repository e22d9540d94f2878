"""The feed that `manage.py startrealtime` makes keeps the promise while processes are killed."""

import asyncio
import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.conftest import Bake, Manage, Prepare
from tests.conversations import Conversation, until
from tests.projects import served
from tests.services import Postgres, Redis
from tests.sites import LIMITS, Site
from tests.tables import Table, shown_at_the_end
from tests.wire import Json, RoomClient

numbers = count()


class PlanClient(RoomClient):
    """One person at one plan. Items say nothing of who wrote them."""

    prefix = "plan"
    send = "item.add"
    text = "title"
    items = "items"
    events = ("item.created", "item.updated", "item.deleted")

    def sender(self, item: Json) -> str:
        return ""


class Plans(Conversation):
    """People who add items to one plan all the time."""

    client = PlanClient
    stored = (
        "SELECT seq, '', client_id FROM plan_planitem i JOIN plan_plan p ON p.id = i.plan_id"
        " WHERE slug = '{}' ORDER BY seq"
    )

    def new_feed(self) -> str:
        slug = f"plan-{next(numbers)}"
        self.site.inside(f"from plan.models import Plan; Plan.objects.create(slug={slug!r})")
        return slug


@pytest.fixture(scope="module")
def table() -> Table:
    columns = ("what happens", "sent", "acknowledged", "seen by all")
    rest = ("lost", "doubled", "reordered", "longest gap, s")
    return shown_at_the_end(Table("A feed by startrealtime", *columns, *rest))


@pytest.fixture(scope="module")
def plan_site(
    bake: Bake, python: Path, manage: Manage, prepare: Prepare, postgres: Postgres
) -> Iterator[Site]:
    with Redis() as redis:
        surroundings = served(
            DATABASE_URL=postgres.create_database(),
            REDIS_URL=redis.url,
            REALTIME=json.dumps(LIMITS),
        )
        project = bake()
        manage(project, "startrealtime", "plan", **surroundings)
        prepare(project, **surroundings)
        with Site("daphne", project, python, surroundings, redis) as site:
            yield site


def test_a_feed_that_was_just_made_loses_nothing_while_processes_are_killed(
    plan_site: Site, table: Table
) -> None:
    async def scene() -> None:
        one, two = plan_site.pair()
        async with Plans(plan_site, [one, two]) as talk:
            await talk.goes_on()
            one.kill()
            await until(lambda: len(talk.on(two)) == 6, "everybody on the other process")
            await asyncio.to_thread(one.start)
            await asyncio.to_thread(plan_site.redis.restart)
            await talk.goes_on()
            two.kill()
            await until(lambda: len(talk.on(one)) == 6, "everybody moved back")
            await talk.goes_on()
            outcome = await talk.settle()
        table.add("kill -9 of one, Redis restarted, kill -9 of the other", *outcome.cells)
        outcome.check()

    asyncio.run(scene())
