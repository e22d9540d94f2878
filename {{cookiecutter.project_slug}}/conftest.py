"""Fixtures that every app's tests share."""

import asyncio
import gc
from collections.abc import Iterator

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.core.management.commands import flush
from django.db import connection, connections, transaction

from accounts import mail
from accounts.models import User
from realtime.database import close_connections

pytest_plugins = ["presence.tests.begins_empty"]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Each stack runs the tests of its own stores: `make test` needs no service."""
    mark = "embedded" if settings.REDIS_URL else "redis"
    elsewhere = [item for item in items if item.get_closest_marker(mark)]
    config.hook.pytest_deselected(items=elsewhere)
    items[:] = [item for item in items if item not in elsewhere]


def pytest_collection_finish() -> None:
    """Spares the garbage collector the modules and the tests, which stay until the end."""
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def threads_connections(django_db_setup: None) -> Iterator[None]:
    """Closes what lasting threads have open: PostgreSQL drops no database that somebody is in."""
    yield
    close_connections()
    asyncio.run(sync_to_async(connections.close_all)())  # of the thread of Django's own async ORM


@pytest.fixture(scope="session", autouse=True)
def quick_flush() -> Iterator[None]:
    """Empties the database after a test with transactions in a tenth of the time: Django's own
    flush makes all tables, content types and permissions anew."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flush.Command, "handle", delete_rows)
        yield


@pytest.fixture(autouse=True)
def _mails_are_sent_within_their_test() -> Iterator[None]:
    yield
    mail.flush()


def delete_rows(command: flush.Command, **options: object) -> None:
    tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
    with transaction.atomic(), connection.cursor() as cursor:
        for table in set(tables) - {"django_content_type", "auth_permission"}:
            cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)}")  # noqa: S608


@pytest.fixture
def ada(db: None) -> User:
    return User.objects.create(username="ada", email="ada@example.com", password=make_password("x"))


@pytest.fixture
def bob(db: None) -> User:
    return User.objects.create(username="bob", email="bob@example.com", password=make_password("x"))
