"""Serves the apps in tests."""

from collections.abc import Iterator

import pytest
from django.test import override_settings

from realtime import testing
from realtime.starting.routing import application


@pytest.fixture(autouse=True)
def _served(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(testing, "get_default_application", lambda: application)
    with override_settings(ROOT_URLCONF="realtime.starting.urls"):
        yield
