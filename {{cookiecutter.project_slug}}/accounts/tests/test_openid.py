import logging
import re
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import pytest
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from allauth.mfa.totp.internal.auth import TOTP
from allauth.socialaccount.internal import jwtkit
from allauth.socialaccount.models import SocialAccount
from django.core import mail
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.mail import flush
from accounts.models import User
from accounts.tests.provider import Provider
from accounts.tests.test_pages import check

SIGN_IN = "/accounts/oidc/example/login/"
ADA = {"sub": "7", "preferred_username": "ada", "name": "Ada Lovelace", "email": "ada@example.com"}
Page = Any  # django-stubs has no name for what a test client answers


@pytest.fixture
def provider(db: None, settings: Settings) -> Iterator[Provider]:
    with Provider() as provider:
        app = {
            "provider_id": "example",
            "name": "Example",
            "client_id": "site",
            "secret": "of the site",
            "settings": {"server_url": provider.url},
        }
        shared = settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]
        settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {**shared, "APPS": [app]}}
        provider.person = ADA
        yield provider


def at_provider(client: Client, process: str = "login") -> str:
    """Go there; return the address at which it sends people back."""
    page: Page = client.post(f"{SIGN_IN}?process={process}")
    check(page.content.decode())
    there = page.context["redirect_to"]
    host, _, path = there.removeprefix("http://").partition("/")
    connection = HTTPConnection(host)
    connection.request("GET", f"/{path}")
    back = connection.getresponse().headers["Location"]
    connection.close()
    return back


def come_back(client: Client) -> Page:
    return client.get(at_provider(client))


def who(client: Client) -> str | None:
    pk = client.session.get("_auth_user_id")
    return User.objects.get(pk=pk).username if pk else None


@pytest.mark.parametrize(
    ("said", "verified"), [(True, True), ("true", True), (False, False), (None, False)]
)
def test_a_newcomer_gets_an_account_with_the_names_of_the_provider(
    client: Client,
    provider: Provider,
    settings: Settings,
    said: bool | str | None,
    verified: bool,
) -> None:
    provider.person = ADA | ({} if said is None else {"email_verified": said})
    assert come_back(client).headers["Location"] == reverse(settings.LOGIN_REDIRECT_URL)
    user, address = User.objects.get(), EmailAddress.objects.get()
    assert (user.username, user.name, user.email) == ("ada", "Ada Lovelace", "ada@example.com")
    assert (address.email, address.verified) == ("ada@example.com", verified)
    assert who(client) == "ada"


def test_the_same_person_comes_back_to_the_same_account(provider: Provider) -> None:
    come_back(Client())
    provider.person = ADA | {"preferred_username": "countess"}
    client = Client()
    come_back(client)
    assert who(client) == "ada"


def test_a_code_is_of_use_only_to_the_site_that_asked(client: Client, provider: Provider) -> None:
    come_back(client)
    (asked,) = provider.tokens_asked
    assert (asked["client_id"], asked["client_secret"]) == ("site", "of the site")
    assert len(asked["code_verifier"]) >= 43


@pytest.mark.parametrize("theirs", ["Grace", "gr\u0430ce", "nobody", "two words", "", None])
def test_a_name_that_is_taken_or_none_is_asked_for(
    client: Client, grace: User, provider: Provider, theirs: str | None
) -> None:
    provider.person = ADA | {"preferred_username": theirs, "name": "Grace Hopper"}
    page = client.get(at_provider(client), follow=True)
    assert page.redirect_chain == [(reverse("socialaccount_signup"), 302)]
    check(page.content.decode())
    taken = client.post(page.request["PATH_INFO"], {"username": "grace", "email": ADA["email"]})
    assert taken.context["form"].errors["username"]
    client.post(page.request["PATH_INFO"], {"username": "lovelace", "email": ADA["email"]})
    assert who(client) == "lovelace"
    assert User.objects.get(username="lovelace").display_name == ""


def test_a_name_that_is_taken_meanwhile_is_left_to_its_owner(
    client: Client, grace: User, provider: Provider
) -> None:
    provider.person = ADA | {"preferred_username": "grace"}
    page = client.get(at_provider(client), follow=True)
    User.objects.create(username="countess", display_name="Ada Lovelace")
    client.post(page.request["PATH_INFO"], {"username": "lovelace", "email": ADA["email"]})
    assert who(client) == "lovelace"
    assert User.objects.get(username="lovelace").name == "lovelace"


def test_an_address_that_has_an_account_does_not_open_it(
    client: Client, grace: User, provider: Provider
) -> None:
    EmailAddress.objects.create(user=grace, email=grace.email, verified=True, primary=True)
    provider.person = ADA | {"email": grace.email, "email_verified": True}
    come_back(client)
    assert who(client) is None
    assert not SocialAccount.objects.exists()


def test_a_person_connects_the_provider_and_signs_in_by_it(
    client: Client, grace: User, password: str, provider: Provider
) -> None:
    EmailAddress.objects.create(user=grace, email=grace.email, verified=True, primary=True)
    client.force_login(grace)
    client.post(reverse("account_reauthenticate"), {"password": password})
    client.get(at_provider(client, "connect"))
    page = client.get(reverse("socialaccount_connections"))
    check(page.content.decode())
    assert "Continue with Example" in page.content.decode()
    elsewhere = Client()
    come_back(elsewhere)
    assert who(elsewhere) == "grace"


def test_an_account_whose_address_is_not_confirmed_connects_nothing(
    client: Client, grace: User, password: str, provider: Provider
) -> None:
    EmailAddress.objects.create(user=grace, email=grace.email, primary=True)
    client.force_login(grace)
    client.post(reverse("account_reauthenticate"), {"password": password})
    page = client.get(at_provider(client, "connect"), follow=True)
    assert page.redirect_chain == [(reverse("account_email"), 302)]
    assert "Confirm your email address first." in page.content.decode()
    assert not SocialAccount.objects.exists()


def test_a_native_client_connects_nothing_either(
    client: Client, grace: User, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwtkit, "verify_and_decode", lambda **options: ADA)
    client.force_login(grace)
    native = Client(headers={"X-Session-Token": str(client.session.session_key)})
    answer = give_token(native, "signed.by.it", "connect")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "unverified_email")
    assert not SocialAccount.objects.exists()


def reset_password(client: Client, email: str) -> None:
    client.post(reverse("account_reset_password"), {"email": email})
    assert flush()
    link = re.search(r"https?://\S+", str(mail.outbox[-1].body))
    assert link
    url = client.get(link[0], follow=True).redirect_chain[-1][0]
    client.post(url, {"password1": "brisk-walnut-harbour", "password2": "brisk-walnut-harbour"})


def test_who_resets_the_password_by_mail_ends_what_a_stranger_connected(
    client: Client, provider: Provider
) -> None:
    stranger = Client()
    come_back(stranger)
    reset_password(client, "ada@example.com")
    assert EmailAddress.objects.get().verified
    assert stranger.get(reverse("account_email")).status_code == 302
    come_back(stranger)
    assert who(stranger) is None


def test_a_reset_confirms_none_of_several_addresses(client: Client, provider: Provider) -> None:
    come_back(Client())
    EmailAddress.objects.create(user=User.objects.get(), email="grace@example.com")
    reset_password(client, "ada@example.com")
    assert EmailAddress.objects.get(verified=False).email == "ada@example.com"
    assert not SocialAccount.objects.exists()


def test_a_reset_keeps_what_was_connected_by_who_had_confirmed(
    client: Client, provider: Provider
) -> None:
    provider.person = ADA | {"email_verified": True}
    come_back(Client())
    reset_password(client, "ada@example.com")
    assert SocialAccount.objects.exists()


@pytest.mark.parametrize("signed_in", [True, False])
def test_a_connection_outlives_the_confirmation_where_it_is_signed_in(
    client: Client, provider: Provider, signed_in: bool
) -> None:
    come_back(client)
    key = EmailConfirmationHMAC.create(EmailAddress.objects.get()).key
    browser = client if signed_in else Client()
    browser.post(reverse("account_confirm_email", args=[key]))
    assert EmailAddress.objects.get().verified
    assert SocialAccount.objects.exists() is signed_in


def test_a_change_of_address_keeps_connections(client: Client, provider: Provider) -> None:
    provider.person = ADA | {"email_verified": True}
    come_back(Client())
    address = EmailAddress.objects.create(user=User.objects.get(), email="new@example.com")
    key = EmailConfirmationHMAC.create(address).key
    client.post(reverse("account_confirm_email", args=[key]))
    assert EmailAddress.objects.get().email == "new@example.com"
    assert SocialAccount.objects.exists()


def give_token(client: Client, token: str, process: str = "login") -> Page:
    given = {"client_id": "site", "id_token": token}
    body = {"provider": "example", "process": process, "token": given}
    url = "/_allauth/app/v1/auth/provider/token"
    return client.post(url, body, content_type="application/json")


@pytest.mark.parametrize(
    "token",
    ["eyJhbGciOiJub25lIn0.e30.", "eyJhbGciOiJub25lIiwia2lkIjoiYSJ9.e30.", "none", "W10.e30."],
)
def test_a_wrong_token_is_a_wrong_answer(client: Client, provider: Provider, token: str) -> None:
    answer = give_token(client, token)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "invalid_token")


def test_a_second_factor_is_asked_for_after_the_provider(
    client: Client, provider: Provider
) -> None:
    come_back(Client())
    TOTP.activate(User.objects.get(), "JBSWY3DPEHPK3PXP")
    assert come_back(client).headers["Location"] == "/accounts/2fa/authenticate/"
    assert who(client) is None


def test_who_has_no_password_changes_the_address(client: Client, provider: Provider) -> None:
    come_back(client)
    client.post(reverse("account_email"), {"action_add": "", "email": "new@example.com"})
    assert EmailAddress.objects.filter(email="new@example.com").exists()


def test_a_provider_that_is_away_is_said_on_a_page(
    client: Client, provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    back = at_provider(client)
    provider.shutdown()
    provider.server_close()
    for page in (client.post(SIGN_IN), client.get(back)):
        assert page.status_code == 401
        assert "Example did not sign you in" in page.content.decode()
        check(page.content.decode())
    warnings = [each for each in caplog.records if each.levelno >= logging.WARNING]
    said = [each.getMessage() for each in warnings if each.name == "accounts.openid"]
    assert [each.partition(" failed: ")[0] for each in said] == ["Sign-in with Example"] * 2
    assert not any(each.exc_info for each in warnings)


def test_the_sign_in_page_offers_the_provider(client: Client, provider: Provider) -> None:
    page = client.get(reverse("account_login")).content.decode()
    check(page)
    assert "Continue with Example" in page


def test_an_unknown_provider_is_not_found(client: Client, provider: Provider) -> None:
    assert client.post("/accounts/oidc/nobody/login/").status_code == 404
