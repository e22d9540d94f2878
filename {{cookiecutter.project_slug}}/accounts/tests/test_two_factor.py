import asyncio
import re

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.core import mail
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.mail import flush
from accounts.models import User
from accounts.tests.test_pages import check
from accounts.tests.totp import code
from realtime.database import in_database
from realtime.protocol import CloseCode
from realtime.sessions import verified_sessions
from realtime.testing import ANSWER_SECONDS, connect

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
CODE_PAGE = "/accounts/2fa/authenticate/"
API = "/_allauth/app/v1/auth"


@pytest.fixture
def app(grace: User) -> Authenticator:
    """Grace's authenticator app."""
    return TOTP.activate(grace, SECRET).instance


def give_password(client: Client, password: str) -> str:
    """Where the sign-in goes on."""
    answers = {"login": "grace", "password": password}
    return client.post(reverse("account_login"), answers).headers["Location"]


def give_code(client: Client, digits: str) -> bool:
    """Whether it signs in."""
    client.post(CODE_PAGE, {"code": digits})
    return "_auth_user_id" in client.session


@pytest.mark.django_db(transaction=True)
def test_a_person_sets_up_an_app_and_gets_recovery_codes(
    client: Client, grace: User, password: str
) -> None:
    give_password(client, password)
    url = reverse("mfa_activate_totp")
    assert client.get(url).headers["Location"].startswith(reverse("account_reauthenticate"))
    client.post(reverse("account_reauthenticate"), {"password": password})
    page = client.get(url)
    check(page.content.decode())
    client.post(url, {"code": code(page.context["form"].secret)})
    codes = client.get(reverse("mfa_view_recovery_codes"))
    check(codes.content.decode())
    assert len(codes.context["unused_codes"]) == 10
    check(client.get(reverse("mfa_add_webauthn")).content.decode())
    assert "Your app gives the codes." in client.get(reverse("mfa_index")).content.decode()


@pytest.mark.usefixtures("app")
def test_signing_in_takes_the_password_and_a_code(client: Client, password: str) -> None:
    assert give_password(client, password) == CODE_PAGE
    check(client.get(CODE_PAGE).content.decode())
    assert not give_code(client, code(SECRET, 100))
    assert not give_code(client, code(SECRET, -3))
    # It has changed while one typed; tried twice, since half a minute may end on the way here.
    assert any(give_code(client, code(SECRET, -1)) for _ in range(2))


@pytest.mark.usefixtures("app")
def test_a_password_alone_opens_no_socket(client: Client, password: str) -> None:
    give_password(client, password)
    assert verified_sessions([str(client.session.session_key)]) == [None]
    give_code(client, code(SECRET))
    assert verified_sessions([str(client.session.session_key)]) != [None]


@pytest.mark.usefixtures("app")
def test_a_recovery_code_signs_in_once(client: Client, grace: User, password: str) -> None:
    spare = RecoveryCodes.activate(grace).generate_codes()[0]
    give_password(client, password)
    assert give_code(client, spare)
    again = Client()
    give_password(again, password)
    assert not give_code(again, spare)


@pytest.mark.usefixtures("app")
def test_guessing_codes_is_cut_short(client: Client, password: str) -> None:
    give_password(client, password)
    for _ in range(5):
        give_code(client, "000000")
    assert not give_code(client, code(SECRET))


@pytest.mark.usefixtures("app")
def test_a_password_is_enough_where_two_factor_is_off(
    client: Client, password: str, settings: Settings
) -> None:
    settings.TWO_FACTOR = False
    assert give_password(client, password) == reverse(settings.LOGIN_REDIRECT_URL)
    assert verified_sessions([str(client.session.session_key)]) != [None]


def test_the_page_of_a_site_without_it_says_so(
    client: Client, grace: User, settings: Settings
) -> None:
    client.force_login(grace)
    settings.MFA_SUPPORTED_TYPES = []
    page = client.get(reverse("mfa_index")).content.decode()
    assert "This site does not offer it." in page
    assert "Set up" not in page


def test_an_address_is_confirmed_before_a_factor_is_added(client: Client, grace: User) -> None:
    EmailAddress.objects.create(user=grace, email=grace.email, primary=True)
    client.force_login(grace)
    page = client.get(reverse("mfa_activate_totp"), follow=True)
    assert page.redirect_chain == [(reverse("mfa_index"), 302)]
    assert "Confirm your email address first" in page.content.decode()


@pytest.mark.usefixtures("app")
def test_an_address_is_not_changed_while_there_is_a_factor(client: Client, grace: User) -> None:
    client.force_login(grace)
    client.post(reverse("mfa_reauthenticate"), {"code": code(SECRET)})
    page = client.post(reverse("account_email"), {"action_add": "", "email": "new@example.com"})
    assert "An account with two-factor authentication keeps its address." in page.content.decode()
    assert not EmailAddress.objects.filter(email="new@example.com").exists()


@pytest.mark.usefixtures("app")
def test_a_native_client_gives_a_code_too(client: Client, password: str) -> None:
    answers = {"username": "grace", "password": password}
    half = client.post(f"{API}/login", answers, content_type="application/json")
    (pending,) = (each for each in half.json()["data"]["flows"] if each.get("is_pending"))
    native = Client(headers={"X-Session-Token": half.json()["meta"]["session_token"]})
    assert (half.status_code, pending["id"]) == (401, "mfa_authenticate")
    assert native.get(f"{API}/session").status_code == 401
    done = native.post(
        f"{API}/2fa/authenticate", {"code": code(SECRET)}, content_type="application/json"
    )
    assert done.status_code == 200
    assert done.json()["meta"]["is_authenticated"]


@pytest.fixture
def strict_admin(grace: User, settings: Settings) -> str:
    User.objects.update(is_staff=True, is_superuser=True)
    settings.ADMIN_TWO_FACTOR = True
    return reverse("admin:accounts_user_changelist")


def test_staff_without_a_second_factor_are_led_to_one(
    client: Client, grace: User, password: str, strict_admin: str
) -> None:
    give_password(client, password)
    page = client.get(strict_admin, follow=True)
    assert page.redirect_chain[-1][0] == reverse("mfa_index")
    assert "The admin needs a second factor" in page.content.decode()


def test_the_admin_opens_after_a_code_in_the_same_session(
    client: Client, grace: User, password: str, strict_admin: str
) -> None:
    give_password(client, password)
    TOTP.activate(grace, SECRET)
    page = client.get(strict_admin, follow=True)
    asked = page.redirect_chain[-1][0]
    assert asked.startswith(reverse("mfa_reauthenticate"))
    check(page.content.decode())
    opened = client.post(asked, {"code": code(SECRET)}, follow=True)
    assert opened.redirect_chain == [(strict_admin, 302)]
    assert opened.status_code == 200


@pytest.mark.usefixtures("app")
def test_the_admin_opens_after_signing_in_with_a_code(
    client: Client, password: str, strict_admin: str
) -> None:
    give_password(client, password)
    give_code(client, code(SECRET))
    assert client.get(strict_admin).status_code == 200


def confirm_by_password(client: Client, password: str) -> str:
    """Where that leads."""
    answer = client.post(reverse("account_reauthenticate"), {"password": password})
    return answer.headers["Location"]


@pytest.mark.django_db(transaction=True)
def test_adding_a_factor_ends_the_sessions_that_did_not(
    client: Client, grace: User, password: str, strict_admin: str
) -> None:
    thief, other = Client(), Client()
    give_password(thief, password)
    confirm_by_password(thief, password)
    other.force_login(User.objects.create_user("other"))
    give_password(client, password)
    confirm_by_password(client, password)
    key = client.session.session_key
    page = client.get(reverse("mfa_activate_totp"))
    client.post(page.request["PATH_INFO"], {"code": code(page.context["form"].secret)})

    keys = [str(each.session.session_key) for each in (client, thief, other)]
    assert [each is not None for each in verified_sessions(keys)] == [True, False, True]
    assert client.session.session_key == key
    assert client.get(strict_admin).status_code == 200
    answer = thief.post(reverse("mfa_deactivate_totp"))
    assert answer.headers["Location"].startswith(reverse("account_login"))
    assert Authenticator.objects.filter(user=grace, type="totp").exists()


@pytest.mark.django_db(transaction=True)
async def test_adding_a_factor_closes_the_sockets_of_other_sessions(
    client: Client, grace: User, password: str
) -> None:
    def add_factor() -> None:
        give_password(client, password)
        confirm_by_password(client, password)
        page = client.get(reverse("mfa_activate_totp"))
        client.post(page.request["PATH_INFO"], {"code": code(page.context["form"].secret)})

    async with connect("/ws/", grace) as thief, asyncio.timeout(ANSWER_SECONDS):
        await in_database(add_factor)
        assert await thief.closed() == CloseCode.UNAUTHENTICATED


@pytest.mark.usefixtures("app")
def test_a_password_takes_no_factor_off(client: Client, grace: User, password: str) -> None:
    RecoveryCodes.activate(grace)
    client.force_login(grace)
    asks = reverse("mfa_reauthenticate")
    assert confirm_by_password(client, password).startswith(asks)
    by_mail = client.post(reverse("account_request_reauthentication_code"))
    assert by_mail.headers["Location"].startswith(asks)
    for name in ("mfa_deactivate_totp", "mfa_view_recovery_codes", "mfa_add_webauthn"):
        assert client.get(reverse(name)).headers["Location"].startswith(asks)
    client.post(asks, {"code": code(SECRET)})
    client.post(reverse("mfa_deactivate_totp"))
    assert not Authenticator.objects.exists()


@pytest.mark.usefixtures("app")
def test_a_native_client_takes_no_factor_off_by_password_or_mail(
    client: Client, grace: User, password: str
) -> None:
    EmailAddress.objects.create(user=grace, email=grace.email, verified=True, primary=True)
    client.force_login(grace)
    native = Client(headers={"X-Session-Token": str(client.session.session_key)})
    totp = "/_allauth/app/v1/account/authenticators/totp"

    def post(path: str, **answers: str) -> int:
        return native.post(f"{API}/{path}", answers, content_type="application/json").status_code

    assert post("reauthenticate", password=password) == 400
    assert native.delete(totp).status_code == 401
    post("reauthenticate/code/request", email=grace.email)
    assert flush()
    (mailed,) = re.findall(r"^[A-Z0-9-]{6,}$", str(mail.outbox[0].body), re.MULTILINE)
    assert post("reauthenticate/code/confirm", code=mailed) == 200
    assert native.delete(totp).status_code == 401
    assert post("2fa/reauthenticate", code=code(SECRET)) == 200
    assert native.delete(totp).status_code == 200


def test_the_admin_shows_no_secret(admin_client: Client, app: Authenticator) -> None:
    url = reverse("admin:mfa_authenticator_change", args=[app.pk])
    page = admin_client.get(url)
    assert page.status_code == 200
    assert SECRET not in page.content.decode()
