"""Several processes over one Redis, killed, frozen and robbed of their store, on clocks apart.

A short storm; `python -m presence.tests.storm redis://... 24` lets a longer one blow.
"""

import pytest

from presence.tests.storm import Storm
from realtime.tests.redis_server import RedisServer

pytestmark = pytest.mark.redis


async def test_rosters_stay_right_over_kills_a_freeze_a_flush_and_clocks_apart(
    redis_server: RedisServer,
) -> None:
    report = await Storm(redis_server.url).blow(kills=3)

    assert (report.wrong, report.ghosts, report.missing) == ([], [], [])
    assert (report.kills, report.freezes, report.flushes) == (3, 1, 1)
    assert report.operations > 100
    assert report.edges > 100
    assert report.viewed > 10
