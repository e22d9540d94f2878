"""A bake's presence over a long storm: processes killed, frozen and robbed of their store."""

import json
from pathlib import Path

import pytest

from tests.conftest import Bake
from tests.projects import run
from tests.services import Redis
from tests.tables import Table, shown_at_the_end

KILLS = 21


@pytest.fixture(scope="module")
def table() -> Table:
    columns = ("kills", "freezes", "flushes", "operations", "edges", "wrong", "ghosts", "missing")
    return shown_at_the_end(Table("Presence", *columns))


def test_rosters_stay_right_over_kills_a_freeze_and_a_flush(
    bake: Bake, python: Path, redis: Redis, table: Table
) -> None:
    storm = run([python, "-m", "presence.tests.storm", redis.url, str(KILLS)], bake())

    assert storm.returncode == 0, storm.stdout
    report = json.loads(storm.stdout.splitlines()[-1])
    found = [report[kind] for kind in ("wrong", "ghosts", "missing")]
    done = [report[kind] for kind in ("kills", "freezes", "flushes", "operations", "edges")]
    table.add(*done, *map(len, found))
    assert found == [[], [], []]
    assert done[:3] == [KILLS, 1, 1]
    assert report["operations"] > 1_000
    assert report["edges"] > 1_000
