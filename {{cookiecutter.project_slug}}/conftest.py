"""Fixtures that every app's tests share."""

from collections.abc import Iterator

import pytest
from django.contrib.auth.hashers import make_password

from accounts.models import User
from realtime.database import close_connections


@pytest.fixture(scope="session", autouse=True)
def engine_connections(django_db_setup: None) -> Iterator[None]:
    yield
    close_connections()


@pytest.fixture
def ada(db: None) -> User:
    return User.objects.create(username="ada", email="ada@example.com", password=make_password("x"))


@pytest.fixture
def bob(db: None) -> User:
    return User.objects.create(username="bob", email="bob@example.com", password=make_password("x"))
