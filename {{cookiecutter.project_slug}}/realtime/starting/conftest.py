"""Serves the apps in tests."""

from collections.abc import Iterator

import pytest
from django.test import override_settings

SERVED = "realtime.tests.started"


@pytest.fixture(autouse=True)
def _served() -> Iterator[None]:
    with override_settings(ROOT_URLCONF=SERVED, ASGI_APPLICATION=f"{SERVED}.application"):
        yield
