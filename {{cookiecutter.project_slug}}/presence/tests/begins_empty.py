"""A pytest plugin of every app's tests: presence begins empty."""

from itertools import count

import pytest

from presence import running, viewing

tests = count()


@pytest.fixture(autouse=True)
def _presence_begins_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    """In Redis, the people of the test before are here for a few seconds more."""
    monkeypatch.setattr(running, "KEY_PREFIX", f"presence-{next(tests)}:")
    viewing._redis.cache_clear()
