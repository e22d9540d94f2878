"""What allauth's pages and mails say here: the site's own words."""

import re
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Any

import allauth
import pytest
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from allauth.core.context import request_context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core import mail
from django.test import Client, RequestFactory
from django.urls import URLResolver, get_resolver, reverse

from accounts.adapter import AccountAdapter
from accounts.mail import flush
from accounts.models import User
from accounts.openid import ProviderAdapter
from accounts.tests import test_openid
from accounts.tests.provider import Provider
from accounts.tests.test_pages import check
from accounts.tests.totp import code
from accounts.two_factor import TwoFactorAdapter

provider = test_openid.provider

Page = Any  # django-stubs has no name for what a test client answers

ALLAUTHS = re.compile(
    r"[Vv]erif|third-party|[Rr]eauth|[Dd]eactivat|[Ii]nvalid|[Tt]oken|[Ss]uccess|[Pp]lease"
    r"|Thank you|Hello|eceiving|[Pp]asswordless|Sign (In|Up|Out)|Security Key|example\.com"
)
"""Words of allauth's own texts, none of which a page or mail has."""

FOR_VISITORS = {
    "account_login": ("Sign in", "Sign in"),
    "account_signup": ("Create an account", "Create an account"),
    "account_inactive": ("Not active", "This account is not active"),
    "account_email_verification_sent": ("Check your email", "Check your email"),
    "account_reset_password": ("Reset your password", "Reset your password"),
    "account_reset_password_done": ("Check your email", "Check your email"),
    "account_reset_password_from_key_done": (
        "Your password is changed",
        "Your password is changed",
    ),
    "socialaccount_login_cancelled": ("Sign in", "You have not signed in"),
    "socialaccount_login_error": ("Sign in", "The other site did not sign you in"),
    "openid_connect_login": ("Example", "Sign in with Example?"),
}
FOR_PEOPLE = {
    "account_change_password": ("Password", "Change your password"),
    "account_email": ("Email", "Email"),
    "account_logout": ("Sign out", "Sign out?"),
    "account_reauthenticate": ("Confirm that it is you", "Confirm that it is you"),
    "account_request_reauthentication_code": ("Confirm that it is you", "Confirm that it is you"),
    "mfa_activate_totp": ("Two-factor", "Set up an authenticator app"),
    "mfa_add_webauthn": ("Two-factor", "Add a passkey or security key"),
    "mfa_index": ("Two-factor", "Two-factor authentication"),
    "openid_connect_login": ("Example", "Sign in with Example?"),
    "socialaccount_connections": ("Connections", "Connections"),
}
WITH_A_FACTOR = {
    "mfa_deactivate_totp": ("Two-factor", "Remove the authenticator app?"),
    "mfa_edit_webauthn": ("Two-factor", "Rename the key"),
    "mfa_generate_recovery_codes": ("Recovery codes", "Make new recovery codes?"),
    "mfa_list_webauthn": ("Two-factor", "Passkeys and security keys"),
    "mfa_reauthenticate": ("Confirm that it is you", "Confirm that it is you"),
    "mfa_reauthenticate_webauthn": ("Confirm that it is you", "Confirm that it is you"),
    "mfa_remove_webauthn": ("Two-factor", "Remove this key?"),
    "mfa_view_recovery_codes": ("Recovery codes", "Recovery codes"),
}
CREDENTIAL = {  # what a browser registered, which was asked for one at https://x
    "id": "a2V5",
    "rawId": "a2V5",
    "type": "public-key",
    "response": {
        "clientDataJSON": (
            "eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRlIiwiY2hhbGxlbmdlIjoiZUEiLCJvcmlnaW4iOiJodHRwczovL3giLCJj"
            "cm9zc09yaWdpbiI6ZmFsc2V9"
        ),
        "attestationObject": (
            "o2NmbXRkbm9uZWdhdHRTdG10oGhhdXRoRGF0YViHAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABBAA"
            "AAAAAAAAAAAAAAAAAAAAAAAAAAA2tleaUBAgMmIAEhWCAvvM9EvoN3VgKgdq-wxi_B6ECe7-SCQW5YpfZ4BtdN"
            "qiJYIF3yUGJZ5C8f4obqWFBaxFcvtvA2mS_Tn7SmqNQYu1rK"
        ),
    },
}
OF_A_KEY = {"mfa_edit_webauthn", "mfa_remove_webauthn"}
ON_A_WAY = {  # tested one by one
    "account_confirm_email",
    "account_confirm_reauthentication_code",
    "account_reset_password_from_key",
    "account_set_password",
    "mfa_authenticate",
    "socialaccount_signup",
}
NO_PAGE = {
    "account_confirm_login_code",  # nobody is sent one to sign in by
    "mfa_download_recovery_codes",
    "mfa_login_webauthn",
    "openid_connect_callback",
}

NOTICES = {
    "account/email/email_changed": "Your address was changed to o'new@example.org",
    "account/email/email_confirm": "Your address was confirmed",
    "account/email/email_deleted": "o'old@example.org was removed from your account",
    "account/email/password_changed": "Your password was changed",
    "account/email/password_reset": "Your password was reset",
    "account/email/password_set": "Your account has a password now",
    "mfa/email/recovery_codes_generated": "You have new recovery codes",
    "mfa/email/totp_activated": "An authenticator app was added to your account",
    "mfa/email/totp_deactivated": "The authenticator app was removed from your account",
    "mfa/email/webauthn_added": "A passkey or security key was added to your account",
    "mfa/email/webauthn_removed": "A passkey or security key was removed from your account",
    "socialaccount/email/account_connected": "R&D was connected to your account",
    "socialaccount/email/account_disconnected": "R&D was disconnected from your account",
}
LETTERS = {
    "account/email/account_already_exists": "You have an account already",
    "account/email/email_confirmation": "Confirm your address",
    "account/email/email_confirmation_signup": "Confirm your address",
    "account/email/login_code": "Your code",
    "account/email/password_reset_key": "Choose a new password",
}
NEVER_SENT = {"account/email/password_reset_code", "account/email/unknown_account"}


def shows(page: Page, title: str, heading: str) -> None:
    assert "Location" not in page.headers
    text = page.content.decode()
    check(text)
    (found,) = re.findall(r"<title>(.*?)</title>", text, re.S)
    assert " ".join(unescape(found).split()) == f"{title} · {settings.SITE_NAME}"
    (found,) = re.findall(r"<h1[^>]*>(.*?)</h1>", text, re.S)
    assert " ".join(unescape(found).split()) == heading
    said = re.sub(r"<script.*?</script>|<[^>]*>", "", text[text.index('id="main"') :], flags=re.S)
    assert not ALLAUTHS.search(said)


def address(name: str, key: int = 0) -> str:
    if name == "openid_connect_login":
        return reverse(name, args=["example"])
    return reverse(name, args=[key] if name in OF_A_KEY else None)


def mailed(count: int = 1) -> str:
    """The text of the last mail, which is the site's own, and of how many."""
    assert flush()
    assert len(mail.outbox) == count
    body = str(mail.outbox[-1].body)
    assert not ALLAUTHS.search(body)
    return body


def link_in(body: str) -> str:
    link = re.search(r"^http\S+$", body, re.M)
    assert link
    return link[0]


def sign_in(client: Client, grace: User, password: str) -> None:
    grace.email = "grace@example.org"
    grace.save()
    client.force_login(grace)
    EmailAddress.objects.create(user=grace, email=grace.email, verified=True, primary=True)
    client.post(reverse("account_reauthenticate"), {"password": password})


def test_these_are_all_pages() -> None:
    def names(resolver: URLResolver) -> set[str | None]:
        found: set[str | None] = set()
        for each in resolver.url_patterns:
            found |= names(each) if isinstance(each, URLResolver) else {each.name}
        return found

    known = FOR_VISITORS.keys() | FOR_PEOPLE.keys() | WITH_A_FACTOR.keys() | ON_A_WAY | NO_PAGE
    assert names(get_resolver("allauth.urls")) - {None} == known


@pytest.mark.parametrize("name", FOR_VISITORS)
def test_a_page_for_visitors_is_in_the_sites_words(
    client: Client, provider: Provider, name: str
) -> None:
    shows(client.get(address(name)), *FOR_VISITORS[name])


def test_pages_for_people_are_in_the_sites_words(
    client: Client, provider: Provider, grace: User, password: str
) -> None:
    sign_in(client, grace, password)
    SocialAccount.objects.create(user=grace, provider="example", uid="7")
    for name, words in FOR_PEOPLE.items():
        shows(client.get(address(name)), *words)
    connect = client.get(f"{address('openid_connect_login')}?process=connect")
    shows(connect, "Example", "Connect Example?")


@pytest.mark.django_db(transaction=True)
def test_pages_of_the_second_factor_are_in_the_sites_words(
    client: Client, grace: User, password: str
) -> None:
    sign_in(client, grace, password)
    url = reverse("mfa_activate_totp")
    secret = client.get(url).context["form"].secret
    client.post(url, {"code": code(secret)})
    data = {"name": "Key", "passwordless": True, "credential": CREDENTIAL}
    key = Authenticator.objects.create(user=grace, type=Authenticator.Type.WEBAUTHN, data=data)
    for name, words in WITH_A_FACTOR.items():
        shows(client.get(address(name, key.pk)), *words)
    visitor = Client()
    visitor.post(reverse("account_login"), {"login": "grace", "password": password})
    shows(visitor.get(reverse("mfa_authenticate")), "Sign in", "One more step")


def test_whoever_has_no_password_sets_one(client: Client, grace: User) -> None:
    grace.set_unusable_password()
    grace.save()
    client.force_login(grace)
    shows(client.get(reverse("account_set_password")), "Password", "Set a password")


def test_a_lost_password(client: Client, grace: User) -> None:
    client.post(reverse("account_reset_password"), {"email": grace.email})
    body = mailed()
    assert mail.outbox[0].subject.endswith("] Choose a new password")
    assert body.startswith("Somebody asked for a new password for grace, your account on ")
    page = client.get(link_in(body), follow=True)
    shows(page, "Choose a new password", "Choose a new password")
    gone = client.get(reverse("account_reset_password_from_key", args=["x", "y"]))
    shows(gone, "Choose a new password", "This link does not work")


def test_an_address_is_confirmed(client: Client, db: None) -> None:
    answers = {"username": "mae", "email": "mae@example.org", "password1": "quiet-copper-lantern"}
    client.post(reverse("account_signup"), answers)
    body = mailed()
    assert mail.outbox[0].subject.endswith("] Confirm your address")
    assert body.startswith("mae gave this address for their account on ")
    confirming = "Confirm your address"
    shows(client.get(link_in(body)), confirming, confirming)
    gone = reverse("account_confirm_email", args=["x"])
    shows(client.get(gone), confirming, "This link does not work")
    grace = User.objects.create_user("grace")
    same = EmailAddress.objects.create(user=grace, email="mae@example.org")
    late = EmailConfirmationHMAC.create(same).key
    client.post(link_in(body))
    taken = client.get(reverse("account_confirm_email", args=[late]))
    shows(taken, confirming, "This address has another account")


def test_whoever_has_an_account_is_told_so(client: Client, grace: User) -> None:
    with request_context(request_of(AnonymousUser())):
        AccountAdapter().send_account_already_exists_mail(grace.email)
    assert mailed().startswith("Somebody signed up on ")
    assert mail.outbox[0].subject.endswith("] You have an account already")


def test_a_code_confirms_who_acts(client: Client, grace: User, password: str) -> None:
    sign_in(client, grace, password)
    ask = reverse("account_request_reauthentication_code")
    recipient = client.get(ask).context["form"].fields["recipient"].choices[0][0]
    page = client.post(ask, {"recipient": recipient}, follow=True)
    shows(page, "Confirm that it is you", "Check your email")
    assert mailed().startswith("Type this code where you were asked for it:\n\n")
    assert mail.outbox[0].subject.endswith("] Your code")


def test_closed_doors(client: Client, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AccountAdapter, "is_open_for_signup", lambda *_: False)
    shows(client.get(reverse("account_signup")), "Create an account", "No new accounts")


def request_of(user: User | AnonymousUser) -> Any:
    headers = {"User-Agent": "<Firefox>"}
    request = RequestFactory(REMOTE_ADDR="203.0.113.7", headers=headers).get("/")
    request.user = user
    return request


@pytest.mark.parametrize("name", NOTICES)
def test_a_notice_says_what_changed_and_what_to_do(grace: User, name: str) -> None:
    addresses = {"to_email": "o'new@example.org", "deleted_email": "o'old@example.org"}
    context = {**addresses, "provider": "R&D", "timestamp": datetime(2026, 3, 1, tzinfo=UTC)}
    with request_context(request_of(grace)):
        AccountAdapter().send_notification_mail(name, grace, context, "grace@example.org")
    site = settings.SITE_NAME
    assert mailed() == (
        f"{NOTICES[name]}.\n\n"
        "It was done on 1 March 2026, 00:00 UTC, from the address 203.0.113.7, with <Firefox>.\n\n"
        "If it was not you, choose a new password at once:\n\n"
        "http://testserver/accounts/password/reset/\n\n"
        f"{site}, http://testserver/"
    )
    assert mail.outbox[0].subject == f"[{site}] {NOTICES[name]}"


def test_these_are_all_mails() -> None:
    folder = Path(allauth.__file__).parent / "templates"
    apps = ("account", "mfa", "socialaccount")
    files = [file for app in apps for file in folder.glob(f"{app}/email/*_subject.txt")]
    names = {str(file.relative_to(folder)).removesuffix("_subject.txt") for file in files}
    assert names == NOTICES.keys() | LETTERS.keys() | NEVER_SENT


def test_a_refusal_is_in_the_sites_words() -> None:
    adapters = (
        (AccountAdapter, DefaultAccountAdapter),
        (TwoFactorAdapter, DefaultMFAAdapter),
        (ProviderAdapter, DefaultSocialAccountAdapter),
    )
    left = {
        code
        for ours, theirs in adapters
        for code, text in ours.error_messages.items()
        if text is theirs.error_messages[code]
    }
    assert left == {"phone_password_mismatch", "phone_taken", "unknown_phone"}  # nobody has any
