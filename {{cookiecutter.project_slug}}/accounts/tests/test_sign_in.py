import logging

import pytest
from django.conf import settings
from django.shortcuts import resolve_url
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import User


def signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


@pytest.mark.parametrize("login", ["grace", "GRACE", "grace@example.com", "Grace@Example.com"])
def test_people_sign_in_by_username_or_email_in_any_case(
    client: Client, grace: User, password: str, login: str
) -> None:
    response = client.post(reverse("account_login"), {"login": login, "password": password})
    assert response.status_code == 302
    assert response.headers["Location"] == resolve_url(settings.LOGIN_REDIRECT_URL)
    assert signed_in(client)


@pytest.mark.parametrize("login", ["grace", "nobody", "gra\x00ce", ""])
def test_a_wrong_password_or_name_does_not_sign_in(client: Client, grace: User, login: str) -> None:
    response = client.post(reverse("account_login"), {"login": login, "password": "wrong"})
    assert response.status_code == 200
    assert response.context["form"].errors
    assert not signed_in(client)


def test_somebody_whose_account_is_off_does_not_sign_in(
    client: Client, grace: User, password: str
) -> None:
    User.objects.update(is_active=False)
    client.post(reverse("account_login"), {"login": "grace", "password": password})
    assert not signed_in(client)


def test_guessing_is_cut_short(client: Client, grace: User, password: str) -> None:
    for _ in range(5):
        client.post(reverse("account_login"), {"login": "grace", "password": "wrong"})
    client.post(reverse("account_login"), {"login": "grace", "password": password})
    assert not signed_in(client)


@pytest.fixture
def no_redis(settings: Settings) -> None:
    """A cache in a Redis that is not there."""
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": ["redis://127.0.0.1:1/0"],
            "OPTIONS": {"pool_class": "realtime.redis.Pool"},
        }
    }


@pytest.mark.usefixtures("no_redis")
def test_nobody_signs_in_while_attempts_cannot_be_counted(
    client: Client, grace: User, password: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert client.get(reverse("account_login")).status_code == 200
    answers = {"login": "grace", "password": password}

    caplog.clear()
    response = client.post(reverse("account_login"), answers)

    assert response.status_code == 503
    assert "try again in a minute" in response.content.decode()
    assert not signed_in(client)
    (line,) = (each for each in caplog.records if each.levelno >= logging.WARNING)
    assert line.getMessage().startswith("/accounts/login/ was refused: Redis does not answer")


@pytest.mark.usefixtures("no_redis")
def test_a_program_is_told_that_it_cannot_sign_in_now(
    client: Client, grace: User, password: str
) -> None:
    response = client.post(
        "/_allauth/app/v1/auth/login",
        {"username": "grace", "password": password},
        content_type="application/json",
        headers={"Accept": "application/json"},
    )
    assert (response.status_code, response.json()["code"]) == (503, "unavailable")


def test_signing_out_takes_a_post(client: Client, grace: User) -> None:
    client.force_login(grace)
    assert client.get(reverse("account_logout")).status_code == 200
    assert signed_in(client)
    response = client.post(reverse("account_logout"))
    assert response.status_code == 302
    assert response.headers["Location"] == reverse("account_login")
    assert not signed_in(client)


def test_the_admin_is_entered_through_the_same_door(client: Client, db: None) -> None:
    response = client.get(reverse("admin:login"))
    assert response.status_code == 302
    assert response.headers["Location"].startswith(reverse("account_login"))


def test_somebody_without_rights_does_not_enter_the_admin(client: Client, grace: User) -> None:
    client.force_login(grace)
    assert client.get(reverse("admin:login")).status_code == 403
