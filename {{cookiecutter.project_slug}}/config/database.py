"""The database that DATABASE_URL names, with the options that this project needs."""

import warnings
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

Database = dict[str, Any]  # Any: Django's setting


def database(url: str, *, pooler: bool) -> Database:
    """An entry of Django's DATABASES.

    Args:
        pooler: whether PostgreSQL is behind a pooler in transaction mode, such as PgBouncer.

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
            # A pooler gives the connection to others between transactions, together with its
            # cursors and prepared statements.
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
        warnings.simplefilter("ignore")  # about URLs that are refused above
        try:
            read: Database = environ.Env.db_url_config(url)
        except ValueError:
            return {}
    return read
