"""Checking that an action is refused, and why."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from realtime.protocol import ErrorCode, Refusal


@contextmanager
def refused(code: ErrorCode) -> Iterator[None]:
    with pytest.raises(Refusal) as caught:
        yield
    assert caught.value.code == code, caught.value.detail
