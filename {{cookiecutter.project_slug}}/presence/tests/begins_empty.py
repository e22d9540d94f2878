"""A pytest plugin of every app's tests: presence begins empty."""

from itertools import count

import pytest

from presence import running, viewing
from presence.stores import redis

tests = count()


@pytest.fixture(autouse=True)
def _presence_begins_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    """In Redis, the people of the test before are here for a few seconds more.

    It is waited for longer than by a site: a busy machine is not what these tests are about.
    """
    monkeypatch.setattr(running, "KEY_PREFIX", f"presence-{next(tests)}:")
    monkeypatch.setattr(redis, "VIEWERS_SECONDS", 5)
    viewing._redis.cache_clear()
