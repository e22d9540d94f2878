from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings
from django.core import mail
from django.shortcuts import resolve_url
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.adapter import AccountAdapter
from accounts.mail import flush
from accounts.models import User


def sign_up(client: Client, **answers: str) -> Any:  # Any: django-stubs has no name for it
    form = {"username": "ada", "email": "ada@example.com", "password1": "quiet-copper-lantern"}
    return client.post(reverse("account_signup"), form | answers)


def test_signing_up_makes_an_account_and_signs_in(client: Client, db: None) -> None:
    response = sign_up(client, username="Ada")
    user = User.objects.get()
    assert response.status_code == 302
    assert response.headers["Location"] == resolve_url(settings.LOGIN_REDIRECT_URL)
    assert user.username == "ada"
    assert client.session["_auth_user_id"] == str(user.pk)
    assert flush()
    assert mail.outbox[0].to == ["ada@example.com"]


@pytest.mark.parametrize(
    ("field", "answer"),
    [
        ("username", "Grace"),
        ("username", "gr ace"),
        ("username", "gr\x00ace"),
        ("username", "x" * 41),
        ("email", "GRACE@example.com"),
        ("email", "nowhere"),
        ("password1", "12345678"),
        ("password1", ""),
    ],
)
def test_a_faulty_answer_is_named_and_makes_no_account(
    client: Client, grace: User, field: str, answer: str
) -> None:
    response = sign_up(client, **{field: answer})
    assert response.status_code == 200
    assert list(response.context["form"].errors) == [field]
    assert User.objects.get() == grace


def test_an_address_gets_few_mails_however_many_sign_up_with_it(
    db: None, settings: Settings
) -> None:
    without_pause = {**settings.ACCOUNT_RATE_LIMITS, "confirm_email": None}
    settings.ACCOUNT_RATE_LIMITS = without_pause  # allauth's own, of three minutes
    for number in range(12):
        stranger = Client(REMOTE_ADDR=f"203.0.113.{number}")
        sign_up(stranger, username=f"ada{number}")
        EmailAddress.objects.update(email="another@example.com")
        User.objects.update(email="another@example.com")
    assert flush()
    assert [each.to for each in mail.outbox] == [["ada@example.com"]] * 5


@pytest.mark.django_db(transaction=True)
def test_a_name_that_is_taken_at_this_moment_is_an_error_of_the_form(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    clean = AccountAdapter.clean_username

    def clean_and_lose(adapter: AccountAdapter, username: str, shallow: bool = False) -> str:
        cleaned: str = clean(adapter, username, shallow)
        if not User.objects.exists():  # somebody else is faster, once
            User.objects.create_user(username, "faster@example.com")
        return cleaned

    monkeypatch.setattr(AccountAdapter, "clean_username", clean_and_lose)
    response = sign_up(client)
    assert response.status_code == 200
    assert list(response.context["form"].errors) == ["username"]
