"""Chromium signs in with a passkey, and by an OpenID Connect provider."""

import json
import subprocess
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conversations import SETTLE_SECONDS
from tests.people import PATIENCE_MS
from tests.projects import Server, environment
from tests.raw import close_code, upgraded
from tests.services import answers, end, free_port, wait_for
from tests.sites import Site

pytestmark = pytest.mark.parametrize("site", ["uvicorn"], indirect=True)

PASSWORD = "quiet-copper-lantern"
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}

SET_PASSWORD = """
from accounts.models import User

user = User.objects.get(username="{username}")
user.set_password("{password}")
user.save()
"""


@pytest.fixture(scope="module")
def provider(site: Site) -> Iterator[str]:
    """Where a provider is that takes everybody for Ada."""
    port = free_port()
    command = [str(site.python), "-m", "accounts.tests.provider", str(port)]
    process = subprocess.Popen(command, cwd=site.project, env=environment())
    wait_for(lambda: answers(port), "the provider", process)
    yield f"http://127.0.0.1:{port}"
    end(process)


@pytest.fixture(scope="module")
def server(site: Site, provider: str) -> Iterator[Server]:
    example = {"name": "Example", "server_url": provider, "client_id": "site"}
    with site.serving(OPENID_CONNECT=json.dumps(example)) as server:
        yield server


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    """A page at a host name, as passkeys need one, whose console may not complain."""
    complaints: list[str] = []
    context = browser.new_context(base_url=server.url.replace("127.0.0.1", "localhost"))
    context.set_default_timeout(PATIENCE_MS)
    context.on("console", lambda said: complaints.append(f"{said.type}: {said.text}"))
    yield context.new_page()
    context.close()
    assert [each for each in complaints if each.startswith(("error", "warning"))] == []


def session(page: Page) -> str:
    (key,) = (
        each["value"] for each in page.context.cookies() if each["name"] == "parlour_sessionid"
    )
    return key


def sign_out(page: Page) -> None:
    page.get_by_role("button", name="Your account").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_person_adds_a_passkey_and_signs_in_with_it_alone(
    site: Site, server: Server, page: Page
) -> None:
    person = site.new_person()
    site.inside(SET_PASSWORD.format(username=person.username, password=PASSWORD))
    devices = page.context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    devices.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    page.goto("/accounts/login/")
    page.get_by_label("Username or email").fill(person.username)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("/")

    page.goto("/settings/profile/")
    page.get_by_role("link", name="Two-factor").click()
    page.get_by_role("link", name="Set up").click()
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    assert page.locator(".qr").evaluate("picture => picture.decode().then(() => true)")
    page.get_by_role("link", name="Two-factor").click()
    page.get_by_role("link", name="Add").click()
    page.get_by_label("It is a passkey").check()
    page.wait_for_load_state()  # without its script the button does nothing
    page.get_by_role("button", name="Add").click()
    expect(page.locator(".codes li")).to_have_count(10)
    page.goto("/accounts/2fa/webauthn/reauthenticate/?next=/accounts/2fa/")
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("/accounts/2fa/")
    sign_out(page)

    page.wait_for_load_state()
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url("/")
    with upgraded(server, "/ws/chat/", session(page)) as socket:
        sign_out(page)
        assert close_code(socket, SETTLE_SECONDS) == 4401


def test_a_passkey_that_nobody_has_is_said_on_the_page(page: Page) -> None:
    page.goto("/accounts/login/")
    page.evaluate("() => { navigator.credentials.get = () => Promise.reject(new Error('none')) }")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_text("That did not work.")).to_be_visible()


def test_a_person_signs_in_by_a_provider_of_another_origin(page: Page) -> None:
    page.goto("/accounts/login/")
    page.get_by_role("button", name="Continue with Example").click()
    page.wait_for_url("/accounts/3rdparty/signup/")  # the provider gives no address
    page.get_by_label("Email").fill("ada@example.com")
    page.get_by_role("button", name="Create account").click()
    page.wait_for_url("/")
    page.get_by_role("button", name="Your account").click()
    expect(page.locator("#account-menu")).to_contain_text("Ada Lovelace")
