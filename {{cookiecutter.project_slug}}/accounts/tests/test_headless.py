"""The API by which native clients sign in."""

import time
from types import SimpleNamespace
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from accounts.mail import flush
from accounts.models import User

API = "/_allauth/app/v1/auth"


def sign_in(client: Client, password: str) -> Any:  # Any: django-stubs has no name for it
    answers = {"username": "grace", "password": password}
    return client.post(f"{API}/login", answers, content_type="application/json")


def test_signing_in_gives_a_session_token_that_says_who_one_is(
    client: Client, grace: User, password: str
) -> None:
    response = sign_in(client, password)
    token = response.json()["meta"]["session_token"]
    elsewhere = Client(headers={"X-Session-Token": token})
    session = elsewhere.get(f"{API}/session").json()
    assert response.status_code == 200
    assert session["meta"]["is_authenticated"]
    assert session["data"]["user"]["username"] == "grace"


def test_a_token_ends_with_its_session(client: Client, grace: User, password: str) -> None:
    token = sign_in(client, password).json()["meta"]["session_token"]
    elsewhere = Client(headers={"X-Session-Token": token})
    elsewhere.delete(f"{API}/session")
    assert elsewhere.get(f"{API}/session").status_code == 410


def test_a_wrong_password_gives_no_token(client: Client, grace: User) -> None:
    response = sign_in(client, "wrong")
    assert response.status_code == 400
    assert "session_token" not in response.content.decode()


def test_a_form_in_place_of_json_is_refused(client: Client, db: None) -> None:
    response = client.post(f"{API}/login", {"username": "grace", "password": "x"})  # multipart
    assert response.status_code == 400


def test_browsers_have_no_such_api(client: Client, db: None) -> None:
    assert client.get("/_allauth/browser/v1/auth/session").status_code == 404


def test_one_account_has_few_new_addresses_written_to(
    client: Client, grace: User, password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = sign_in(client, password).json()["meta"]["session_token"]
    native, now = Client(headers={"X-Session-Token": token}), time.time()
    native.post(f"{API}/reauthenticate", {"password": password}, content_type="application/json")
    for number in range(60):
        clock = SimpleNamespace(**vars(time) | {"time": lambda n=number: now + 9 * n})
        monkeypatch.setattr("allauth.core.internal.ratelimit.time", clock)
        native.post(
            "/_allauth/app/v1/account/email",
            {"email": f"stranger{number}@example.com"},
            content_type="application/json",
        )
    assert flush()
    assert len({message.to[0] for message in mail.outbox}) == 20
