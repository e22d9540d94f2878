"""What holds for the response to every request."""

import logging
import re
from collections.abc import Iterator
from io import StringIO

import pytest
from django.db import connection
from django.test import Client

from accounts.models import User

PROFILE = {"display_name": "Lovelace", "color": "#087f5b"}
READ_ONLY = {
    "postgresql": ("SET default_transaction_read_only = on", "RESET default_transaction_read_only"),
    "sqlite": ("PRAGMA query_only = on", "PRAGMA query_only = off"),
}


@pytest.fixture
def read_only(transactional_db: None, ada: User, client: Client) -> Iterator[None]:
    """The database takes no writes, as after its primary has changed; ada is signed in."""
    client.force_login(ada)
    client.raise_request_exception = False
    forbid, allow = READ_ONLY[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(forbid)
    yield
    with connection.cursor() as cursor:
        cursor.execute(allow)


@pytest.mark.parametrize("path", ["/settings/profile/", "/people/ada/"])
def test_no_browser_keeps_what_a_person_sees(client: Client, ada: User, path: str) -> None:
    client.force_login(ada)
    page = client.get(path)
    assert (page.status_code, page["Cache-Control"]) == (200, "private, no-store")


def test_a_response_to_everybody_may_be_kept(client: Client, db: None) -> None:
    page = client.get("/static/favicon.svg")
    page.close()  # the file, where files are collected
    assert "no-store" not in page.get("Cache-Control", "")


@pytest.mark.django_db
def test_a_cookie_that_spells_a_nul_is_ignored(client: Client) -> None:
    page = client.get(
        "/settings/profile/", headers={"Cookie": r'sessionid="aaaaaaaaaaaaaaaa\000b"'}
    )
    assert page["Location"] == "/accounts/login/?next=/settings/profile/"


def test_what_cannot_be_saved_now_is_to_be_sent_again(client: Client, read_only: None) -> None:
    page = client.post("/settings/profile/", PROFILE)
    assert (page.status_code, page["Retry-After"]) == (503, "5")
    assert b"Back in a moment" in page.content


def test_what_cannot_be_saved_now_costs_a_line_of_the_log(
    client: Client, read_only: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    (console,) = (each for each in logging.root.handlers if type(each) is logging.StreamHandler)
    monkeypatch.setattr(console, "stream", StringIO())
    client.post("/settings/profile/", PROFILE)
    errors = [line for line in console.stream.getvalue().splitlines() if "INFO" not in line]
    assert len(errors) == 1
    assert "Service Unavailable: /settings/profile/: " in errors[0]
    assert re.search("a readonly database|a read-only transaction", errors[0])


def test_a_program_reads_when_to_send_it_again(client: Client, read_only: None) -> None:
    answer = client.post("/settings/profile/", PROFILE, headers={"Accept": "application/json"})
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert answer.json() == {
        "code": "unavailable",
        "detail": "The database is away. Try again.",
        "retry_after": 5,
    }


@pytest.mark.django_db
def test_a_fault_of_the_site_is_one(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accounts.adapter.AccountAdapter.is_open_for_signup", lambda *_: 1 / 0)
    client.raise_request_exception = False
    page = client.get("/accounts/signup/")
    assert (page.status_code, "Retry-After" in page) == (500, False)
    assert b"Something went wrong" in page.content
