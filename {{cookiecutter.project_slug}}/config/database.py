"""The database that DATABASE_URL names, with the options that this project needs."""

import warnings
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import environ

Database = dict[str, Any]  # Any: Django's setting

SQLITE = "sqlite:///"


def database(url: str, *, folder: Path, pooler: bool) -> Database:
    """An entry of Django's DATABASES.

    Args:
        folder: where the file of a relative path of SQLite is.
        pooler: whether PostgreSQL is behind a pooler in transaction mode, such as PgBouncer.

    Raises:
        ValueError: `url` is not the address of a database that this project runs on.
    """
    if url == "sqlite://:memory:":  # for a short program: each thread has one of its own
        return sqlite(":memory:")
    if url.startswith("sqlite:"):
        name = url.removeprefix(SQLITE)
        if not url.startswith(SQLITE) or not name or name == ":memory:" or {*"?#"} & {*name}:
            raise ValueError(
                "names no file: write one such as sqlite:///db.sqlite3, with %23 for # and %3F "
                "for ? in its name."
            )
        return sqlite(folder / unquote(name))
    with warnings.catch_warnings(action="ignore"):  # about URLs that are refused here
        try:
            read: Database = environ.Env.db_url_config(url)
        except ValueError:
            read = {}
    if read.get("ENGINE") != "django.db.backends.postgresql" or not read["NAME"]:
        raise ValueError(
            "is not the address of a database: write one such as "
            "postgres://user:password@host:5432/name."
        )
    # A pooler gives the connection to others between transactions, together with its
    # cursors and prepared statements.
    options = {"connect_timeout": 10, **read.get("OPTIONS", {})}
    if pooler:
        options["prepare_threshold"] = None
    return {**read, "OPTIONS": options, "DISABLE_SERVER_SIDE_CURSORS": pooler}


def sqlite(file: Path | str) -> Database:
    # IMMEDIATE takes the write lock when a transaction begins: without it, two transactions
    # that read and then write fail with "database is locked" instead of waiting.
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": file,
        "PASSWORD": "",
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
        },
    }
