"""A push service on this machine, and people whose browsers subscribe to it."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from accounts.models import User
from notifications.tests.conftest import known_kinds, known_targets
from notifications.webpush import actions, keys
from notifications.webpush.tests.service import Browser, PushService, push_service
from realtime.testing import session_key_of

__all__ = ["known_kinds", "known_targets"]


@pytest.fixture(autouse=True)
def configured(settings: Settings) -> Iterator[None]:
    """With a key."""
    settings.WEB_PUSH_SECRET = "a secret for tests"
    settings.ALLOW_PRIVATE_ADDRESSES = True
    settings.OWNER_EMAIL = "owner@example.com"
    forget_keys()
    yield
    forget_keys()


@pytest.fixture
def service() -> Iterator[PushService]:
    with push_service() as service:
        yield service


@pytest.fixture
def browser(service: PushService, ada: User) -> Browser:
    """A browser in which ada is signed in and has subscribed."""
    return subscribed(ada, service.browser())


def subscribed(user: User, browser: Browser) -> Browser:
    given = browser.subscription
    actions.subscribe(user, session_key_of(user), endpoint=given["endpoint"], **given["keys"])
    return browser


def forget_keys() -> None:
    keys.vapid.cache_clear()
    keys.public_key.cache_clear()
