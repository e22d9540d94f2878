"""How DATABASE_URL is read."""

from pathlib import Path

from config.database import database

POSTGRESQL = "postgres://site:secret@db:5432/site"


def test_a_transaction_of_sqlite_begins_as_a_writer() -> None:
    read = database("sqlite:///db.sqlite3", folder=Path(), pooler=False)
    assert read["OPTIONS"]["transaction_mode"] == "IMMEDIATE"


def test_behind_a_pooler_nothing_outlives_a_transaction() -> None:
    read = database(POSTGRESQL, folder=Path(), pooler=True)
    assert read["DISABLE_SERVER_SIDE_CURSORS"] is True
    assert read["OPTIONS"]["prepare_threshold"] is None


def test_an_address_of_ipv6_is_a_host() -> None:
    read = database("postgres://site:secret@[::1]:5432/site", folder=Path(), pooler=False)
    assert (read["HOST"], read["PORT"], read["NAME"]) == ("::1", 5432, "site")
