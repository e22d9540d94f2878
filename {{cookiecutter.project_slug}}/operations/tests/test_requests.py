"""What holds for the response to every request."""

import pytest
from django.test import Client

from accounts.models import User


@pytest.mark.parametrize("path", ["/", "/people/", "/people/ada/", "/notifications/"])
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
    page = client.get("/", headers={"Cookie": r'sessionid="aaaaaaaaaaaaaaaa\000b"'})
    assert page["Location"] == "/accounts/login/?next=/"
