import logging
import re

import pytest
from django.conf import settings
from django.core import mail
from django.shortcuts import resolve_url
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.mail import flush
from accounts.models import User
from realtime.redis import CacheClient

API_LOGIN = "/_allauth/app/v1/auth/login"
BETTER = "brisk-walnut-harbour"


def guess(client: Client, login: str) -> None:
    client.post(reverse("account_login"), {"login": login, "password": "wrong"})


def signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


@pytest.fixture
def few_guesses(settings: Settings) -> None:
    """An account has six wrong passwords from anywhere, in place of sixty."""
    limits = settings.ACCOUNT_RATE_LIMITS
    assert limits["login_failed_anywhere"] == "60/h/key"
    settings.ACCOUNT_RATE_LIMITS = {**limits, "login_failed_anywhere": "6/h/key"}


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


def test_nobody_signs_in_as_a_bot(client: Client, grace: User, password: str) -> None:
    User.objects.update(is_bot=True)
    answers = {"username": "grace", "password": password}
    client.post(reverse("account_login"), {"login": "grace", "password": password})
    response = client.post(API_LOGIN, answers, content_type="application/json")
    assert response.json()["meta"]["is_authenticated"] is False
    assert not signed_in(client)


def test_guessing_is_cut_short(client: Client, grace: User, password: str) -> None:
    for _ in range(5):
        client.post(reverse("account_login"), {"login": "grace", "password": "wrong"})
    client.post(reverse("account_login"), {"login": "grace", "password": password})
    assert not signed_in(client)


def test_wrong_passwords_of_a_stranger_do_not_lock_the_account(
    client: Client, grace: User, password: str
) -> None:
    for _ in range(6):
        guess(Client(REMOTE_ADDR="203.0.113.7"), "grace")
    client.post(reverse("account_login"), {"login": "grace", "password": password})
    assert signed_in(client)


def test_both_names_of_an_account_count_as_one(grace: User, password: str) -> None:
    stranger = Client(REMOTE_ADDR="203.0.113.7")
    for login in ("grace", "grace@example.com", "GRACE", "Grace@Example.com", "grace"):
        guess(stranger, login)
    stranger.post(reverse("account_login"), {"login": "grace", "password": password})
    assert not signed_in(stranger)


@pytest.mark.usefixtures("few_guesses")
def test_a_browser_that_knows_the_account_passes_guesses_from_many_addresses(
    client: Client, grace: User, password: str
) -> None:
    answers = {"login": "grace", "password": password}
    client.post(reverse("account_login"), answers)
    client.post(reverse("account_logout"))
    for number in range(6):
        guess(Client(REMOTE_ADDR=f"203.0.113.{number}"), "grace")

    elsewhere = Client(REMOTE_ADDR="198.51.100.1")
    elsewhere.post(reverse("account_login"), answers)
    client.post(reverse("account_login"), answers)

    assert not signed_in(elsewhere)
    assert signed_in(client)


def test_a_browser_that_knows_the_account_has_few_guesses_too(
    client: Client, grace: User, password: str
) -> None:
    client.post(reverse("account_login"), {"login": "grace", "password": password})
    client.post(reverse("account_logout"))
    for _ in range(5):
        guess(client, "grace")
    client.post(reverse("account_login"), {"login": "grace", "password": password})
    assert not signed_in(client)


def test_a_browser_that_knows_another_account_has_no_more_guesses(
    grace: User, password: str
) -> None:
    User.objects.create_user("mallory", "mallory@example.com", password)
    mallory = Client(REMOTE_ADDR="203.0.113.7")
    for _ in range(5):
        mallory.post(reverse("account_login"), {"login": "mallory", "password": password})
        mallory.post(reverse("account_logout"))
        guess(mallory, "grace")
    mallory.post(reverse("account_login"), {"login": "grace", "password": password})
    assert not signed_in(mallory)


@pytest.mark.parametrize("forged", ["1:x", "", "\xff", "1:x:y:z", "x" * 4_000])
def test_no_browser_says_by_itself_that_it_knows_an_account(
    grace: User, password: str, forged: str
) -> None:
    stranger = Client(REMOTE_ADDR="203.0.113.7")
    stranger.cookies["sessionid_known"] = forged
    for _ in range(5):
        guess(stranger, "grace")
    stranger.post(reverse("account_login"), {"login": "grace", "password": password})
    assert not signed_in(stranger)


@pytest.mark.usefixtures("few_guesses")
def test_guesses_of_strangers_do_not_keep_a_person_from_confirming_who_they_are(
    client: Client, grace: User, password: str
) -> None:
    client.force_login(grace)
    for number in range(6):
        guess(Client(REMOTE_ADDR=f"203.0.113.{number}"), "grace@example.com")
    response = client.post(reverse("account_reauthenticate"), {"password": password})
    assert response.status_code == 302


@pytest.mark.usefixtures("few_guesses")
def test_a_new_password_ends_the_limit_of_the_account(grace: User) -> None:
    for number in range(6):
        guess(Client(REMOTE_ADDR=f"203.0.113.{number}"), "grace")
    person = Client(REMOTE_ADDR="198.51.100.1")
    person.post(reverse("account_reset_password"), {"email": grace.email})
    flush()
    link = re.search(r"https?://\S+", str(mail.outbox[-1].body))
    assert link
    url = person.get(link[0], follow=True).redirect_chain[-1][0]
    person.post(url, {"password1": BETTER, "password2": BETTER})
    person.post(reverse("account_login"), {"login": "grace", "password": BETTER})
    assert signed_in(person)


def test_an_app_is_limited_by_its_address_too(client: Client, grace: User, password: str) -> None:
    stranger = Client(REMOTE_ADDR="203.0.113.7")
    for answers in [{"username": "grace", "password": "wrong"}] * 6:
        stranger.post(API_LOGIN, answers, content_type="application/json")
    right = {"username": "grace", "password": password}
    refused = stranger.post(API_LOGIN, right, content_type="application/json")
    accepted = client.post(API_LOGIN, right, content_type="application/json")
    assert (refused.status_code, accepted.status_code) == (400, 200)


@pytest.fixture
def no_redis(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache in a Redis that is not there."""
    monkeypatch.setattr(CacheClient, "_try_at", None)
    CacheClient._memory.clear()
    settings.CACHES = {
        "default": {
            "BACKEND": "realtime.redis.Cache",
            "LOCATION": ["redis://127.0.0.1:1/0"],
            "OPTIONS": {"pool_class": "realtime.redis.Pool"},
        }
    }


@pytest.mark.usefixtures("no_redis")
def test_people_sign_in_while_redis_is_away(
    client: Client, grace: User, password: str, caplog: pytest.LogCaptureFixture
) -> None:
    client.post(reverse("account_login"), {"login": "grace", "password": password})
    assert signed_in(client)
    (line,) = (each for each in caplog.records if each.levelno >= logging.WARNING)
    assert line.getMessage().startswith("The cache is in memory for 10 seconds: Redis: ")


@pytest.mark.usefixtures("no_redis")
def test_guessing_is_cut_short_while_redis_is_away(
    client: Client, grace: User, password: str
) -> None:
    for _ in range(5):
        guess(client, "grace")
    client.post(reverse("account_login"), {"login": "grace", "password": password})
    assert not signed_in(client)


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
