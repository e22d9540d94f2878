"""A bake's presence over a long storm: processes killed, frozen and robbed of their store."""

import json
from pathlib import Path

from tests.conftest import Bake
from tests.projects import run
from tests.services import Redis

KILLS = 21


def test_rosters_stay_right_over_kills_a_freeze_and_a_flush(
    bake: Bake, python: Path, redis: Redis
) -> None:
    storm = run([python, "-m", "presence.tests.storm", redis.url, str(KILLS)], bake())

    assert storm.returncode == 0, storm.stdout
    report = json.loads(storm.stdout.splitlines()[-1])
    assert (report["wrong"], report["ghosts"], report["missing"]) == ([], [], [])
    assert (report["kills"], report["freezes"], report["flushes"]) == (KILLS, 1, 1)
    assert report["operations"] > 1_000
    assert report["edges"] > 1_000
