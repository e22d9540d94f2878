"""Serves the apps in tests."""

from collections.abc import Iterator

import pytest
from channels.routing import URLRouter
from django.test import override_settings
from django.urls import path

from realtime import testing
from realtime.admission.middleware import AdmissionMiddleware
from realtime.starting.boards.consumers import BoardConsumer
from realtime.starting.notices.consumers import NoticeConsumer

routes = [
    path("ws/board/<slug:slug>/", BoardConsumer.as_asgi()),
    path("ws/notice/<slug:slug>/", NoticeConsumer.as_asgi()),
]
application = AdmissionMiddleware(URLRouter(routes))


@pytest.fixture(autouse=True)
def _served(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(testing, "get_default_application", lambda: application)
    with override_settings(ROOT_URLCONF="realtime.starting.urls"):
        yield
