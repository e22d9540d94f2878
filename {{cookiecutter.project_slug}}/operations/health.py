"""Whether this process can do its work: its database, its tables, its channel layer."""

import asyncio
from collections.abc import Awaitable

from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from realtime.database import in_database
from realtime.delivery.engine import this_engine

CHECK_SECONDS = 2.0
FRESH_SECONDS = 1.0

OK = "ok"


class Readiness:
    """Looks at most once a second, and once for all who ask meanwhile."""

    def __init__(self) -> None:
        self._looking: asyncio.Task[dict[str, str]] | None = None
        self._looked_at = 0.0
        self._migrated = False

    async def parts(self) -> dict[str, str]:
        """Each part that the process needs, and `ok` or what is wrong with it."""
        if this_engine().draining:
            return {"process": "it is stopping"}
        now = asyncio.get_running_loop().time()
        if self._looking is None or (
            self._looking.done() and now - self._looked_at > FRESH_SECONDS
        ):
            self._looking = asyncio.create_task(self._look())
            self._looked_at = now
        return await asyncio.shield(self._looking)

    async def _look(self) -> dict[str, str]:
        database, layer = await asyncio.gather(
            _state(self._look_at_database()), _state(this_engine().hub.answering.wait())
        )
        return {"database": database, "layer": layer}

    async def _look_at_database(self) -> object:
        if self._migrated:
            return await in_database(_query)
        missing = await in_database(_missing_migrations)
        self._migrated = not missing
        return f"{missing} migrations are missing: run manage.py migrate" if missing else None


async def _state(work: Awaitable[object]) -> str:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            found = await work
    except TimeoutError:
        return f"no answer in {CHECK_SECONDS:.0f} seconds"
    except Exception as error:  # the text of one may hold an address or a name: for the log only
        return type(error).__name__
    return found if isinstance(found, str) else OK


def _query() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _missing_migrations() -> int:
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
