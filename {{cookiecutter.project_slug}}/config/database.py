"""The database that DATABASE_URL names, and how this project speaks to it."""

import warnings
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

Database = dict[str, Any]  # Any: Django's setting


def database(url: str, *, pooler: bool) -> Database:
    """A database of Django's DATABASES.

    Args:
        pooler: whether a pooler in transaction mode, such as PgBouncer, stands before PostgreSQL.

    Raises:
        ImproperlyConfigured: `url` is not the address of a database that this project runs on.
    """
    read = _read(url)
    match read.get("ENGINE"):
        case "django.db.backends.sqlite3":
            # IMMEDIATE takes the write lock when a transaction begins: without it, two transactions
            # that read and then write fail with "database is locked" instead of waiting.
            options = {
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
            }
            return {**read, "OPTIONS": options}
        case "django.db.backends.postgresql":
            # Between two transactions a pooler gives the connection to others, and with it what
            # was open or prepared on it.
            options = {"connect_timeout": 10, **read.get("OPTIONS", {})}
            options |= {"prepare_threshold": None} if pooler else {}
            return {
                **read,
                "OPTIONS": options,
                "DISABLE_SERVER_SIDE_CURSORS": pooler,
            }
        case _:
            raise ImproperlyConfigured(
                "DATABASE_URL is not the address of a database: give one such as "
                "postgres://user:password@host:5432/name"
            )


def _read(url: str) -> Database:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is refused above
        try:
            read: Database = environ.Env.db_url_config(url)
        except ValueError:
            return {}
    return read
