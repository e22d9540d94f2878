"""Fixtures that every app's tests share."""

import asyncio
from collections.abc import Iterator

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.hashers import make_password
from django.db import connections

from accounts.models import User
from realtime.database import close_connections


@pytest.fixture(scope="session", autouse=True)
def threads_connections(django_db_setup: None) -> Iterator[None]:
    """Closes what lasting threads have open: PostgreSQL drops no database that somebody is in."""
    yield
    close_connections()
    asyncio.run(sync_to_async(connections.close_all)())  # of the thread of Django's own async ORM


@pytest.fixture
def ada(db: None) -> User:
    return User.objects.create(username="ada", email="ada@example.com", password=make_password("x"))


@pytest.fixture
def bob(db: None) -> User:
    return User.objects.create(username="bob", email="bob@example.com", password=make_password("x"))
