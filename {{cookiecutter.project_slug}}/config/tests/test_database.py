"""How DATABASE_URL is read."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.database import database

POSTGRESQL = "postgres://site:secret@db:5432/site"


@pytest.mark.parametrize(
    "url", ["", "site", "postgres//db/site", "mysql://db/site", "postgres://u:p@ss@db:port/site"]
)
def test_what_is_no_database_is_refused_by_name(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL"):
        database(url, pooler=False)


def test_a_transaction_of_sqlite_begins_as_a_writer() -> None:
    read = database("sqlite:///db.sqlite3", pooler=False)
    assert read["OPTIONS"]["transaction_mode"] == "IMMEDIATE"


def test_behind_a_pooler_nothing_outlives_a_transaction() -> None:
    read = database(POSTGRESQL, pooler=True)
    assert read["DISABLE_SERVER_SIDE_CURSORS"] is True
    assert read["OPTIONS"]["prepare_threshold"] is None
