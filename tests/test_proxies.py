"""A bake behind Caddy, nginx and Traefik, each set up as the bake's own files say."""

import gzip
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing
from http.client import HTTPConnection
from itertools import count
from time import monotonic
from typing import Any

import pytest
from playwright.sync_api import Browser, WebSocket, expect, sync_playwright
from websockets.exceptions import ConnectionClosed, InvalidMessage
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from tests.conftest import CHROMIUM
from tests.over_http import FRAMES, printed, words
from tests.programs import program
from tests.projects import Server
from tests.proxies import (
    DOMAIN,
    IDLE_SECONDS,
    Proxy,
    caddy,
    caddy_of_compose,
    nginx,
    traefik,
)
from tests.services import wait_for
from tests.sites import Site
from tests.wire import PROTOCOL

PASSWORD = "quiet-copper-lantern"
ANSWER_SECONDS = 20
HANDSHAKES = 3
GUESSES = 12  # two more than an address may make in a minute
TOKEN = "t" * 32
ORIGIN = f"https://{DOMAIN}"
PROXIES = [caddy, caddy_of_compose, nginx, traefik]
# The proxies that a browser is sent through, before each kind of server.
BEFORE = {"daphne": [caddy_of_compose, nginx], "uvicorn": [caddy, traefik]}
addresses = count(1)  # of this machine, each of somebody who has not tried to sign in
SETTINGS = """
from config.settings import *

# Guesses that cost little.
names = "MD5", "PBKDF2"
PASSWORD_HASHERS = [f"django.contrib.auth.hashers.{each}PasswordHasher" for each in names]
"""


@pytest.fixture(scope="module")
def server(site: Site) -> Iterator[Server]:
    """A server that knows of a proxy, on one kind of server and then on the other."""
    (site.project / "config/behind_proxy.py").write_text(SETTINGS, "utf-8")
    with site.serving(
        ALLOWED_HOSTS=DOMAIN,
        BEHIND_PROXY="true",
        DJANGO_SETTINGS_MODULE="config.behind_proxy",
        SECURE_SSL_REDIRECT="true",
    ) as server:
        yield server


@pytest.fixture(scope="module")
def room(site: Site) -> str:
    """A room of somebody with a password."""
    person, room = site.people[2], site.new_room()
    site.inside(
        "from accounts.models import User\nfrom chat.models import Room\nfrom chat import actions\n"
        f"user = User.objects.get(pk={person.id})\nuser.set_password({PASSWORD!r})\n"
        f"user.save()\nactions.enter(Room.objects.get(slug={room!r}), user)"
    )
    return room


@pytest.fixture(scope="module", params=PROXIES)
def proxy(request: pytest.FixtureRequest, site: Site, server: Server) -> Iterator[Proxy]:
    with Proxy(request.param, site.project, server.port) as proxy:
        yield proxy


def test_pages_come_over_tls_and_what_is_internal_does_not_come(
    proxy: Proxy, server: Server
) -> None:
    plain = HTTPConnection("127.0.0.1", proxy.http_port, timeout=ANSWER_SECONDS)
    plain.request("GET", "/accounts/login/?next=/", headers={"Host": DOMAIN})
    redirected = plain.getresponse()
    assert redirected.status in (301, 308)
    leads_to = re.sub(f":{proxy.https_port}(?=/)", "", redirected.headers["Location"])
    assert leads_to == f"{ORIGIN}/accounts/login/?next=/"
    plain.close()

    page = proxy.ask("GET", "/accounts/login/?next=/", X_Request_Id="made-up-by-a-client")
    assert page.status == 200
    assert "; Secure" in page.headers["Set-Cookie"]
    assert "preload" in page.headers["Strict-Transport-Security"]
    request_id = page.headers["X-Request-Id"]
    assert request_id != "made-up-by-a-client"
    wait_for(lambda: f'"for": "{request_id}"' in server.log, "the request in the log")

    style = re.findall(rb'href="(/static/[^"]+\.css)"', page.body)[0].decode()
    packed = proxy.ask("GET", style, Accept_Encoding="gzip")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == proxy.ask("GET", style).body
    packed = proxy.ask("GET", "/accounts/login/", Accept_Encoding="gzip")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert b"<form" in gzip.decompress(packed.body)

    for path in ("/metrics", "/readyz", "/%6detrics", "/healthz/../metrics", "//metrics"):
        answer = proxy.ask("GET", path)
        assert answer.status >= 300, path
        assert b"realtime_" not in answer.body
        assert b"ready" not in answer.body


def test_attempts_are_counted_by_the_address_behind_the_proxy(proxy: Proxy) -> None:
    one, another = (f"127.0.1.{next(addresses)}" for _ in range(2))

    def guess(number: int, source: str, **headers: str) -> Any:
        form = f"csrfmiddlewaretoken={TOKEN}&login=nobody{number}&password=a-guess-of-many"
        answer = proxy.ask(
            "POST",
            "/accounts/login/",
            form,
            source=source,
            Origin=ORIGIN,
            Cookie=f"__Host-parlour_csrftoken={TOKEN}",
            Content_Type="application/x-www-form-urlencoded",
            **headers,
        )
        return answer.status == 429 or b"Too many" in answer.body

    made_up = ("X_Forwarded_For", "X_Real_Ip", "Forwarded", "True_Client_Ip")
    limited = [
        guess(number, one, **dict.fromkeys(made_up, f"203.0.113.{number}"))
        for number in range(GUESSES)
    ]
    assert (limited[0], limited[-1]) == (False, True)
    assert not guess(GUESSES, another)


def test_sockets_open_for_pages_of_the_site_and_for_tickets(proxy: Proxy, site: Site) -> None:
    person, room = site.people[1], f"/ws/chat/{site.new_room()}/"
    for origin in ("https://evil.example", f"http://{DOMAIN}", "null", None):
        with opened(proxy, "/ws/", person.session, origin) as refused:
            assert code_of(refused) == 4403
    with opened(proxy, "/ws/") as unknown:
        assert code_of(unknown) == 4401

    made = proxy.ask(
        "POST",
        "/api/realtime/ticket",
        Origin=ORIGIN,
        Cookie=f"__Host-parlour_csrftoken={TOKEN}; __Host-parlour_sessionid={person.session}",
        X_CSRFToken=TOKEN,
    )
    ticket = f"ticket.{json.loads(made.body)['ticket']}"
    with opened(proxy, room, None, None, (PROTOCOL, ticket)) as native:
        assert next_type(native) == "welcome"
    foreign = proxy.ask(
        "POST",
        "/api/realtime/ticket",
        Origin="https://evil.example",
        Cookie=f"__Host-parlour_csrftoken={TOKEN}; __Host-parlour_sessionid={person.session}",
        X_CSRFToken=TOKEN,
    )
    assert foreign.status == 403


def test_frames_and_events_over_http_2_come_at_once(proxy: Proxy, site: Site) -> None:
    person, room = site.people[0], site.new_room()
    curl = [program("curl"), "--silent", "--no-buffer", "--http2", "--compressed"]
    place = ["--cacert", str(proxy.certificate), "--resolve", f"{DOMAIN}:443:127.0.0.1"]
    place += ["--connect-to", f"{DOMAIN}:443:127.0.0.1:{proxy.https_port}"]
    curl += [*place, "--header", f"X-Session-Token: {person.session}"]
    join = json.dumps({"id": "1", "topic": f"chat:{room}", "type": "join"})
    data = {"client_id": "hello", "body": "Hello"}
    say = json.dumps({"id": "2", "topic": f"chat:{room}", "type": "message.send", "data": data})
    with (
        printed([*curl, "--data", join, f"{ORIGIN}{FRAMES}"]) as frames,
        printed([*curl, f"{ORIGIN}/api/realtime/topics/chat:{room}"]) as events,
    ):
        assert [next(frames)["type"] for _ in range(2)] == ["ok", "welcome"]
        assert [next(events)["type"] for _ in range(2)] == ["welcome", "reset"]
        version = ["--write-out", "{%{http_version}}"]
        both = ["--data-binary", f"{join}\n{say}", f"{ORIGIN}{FRAMES}?wait=20"]
        said = subprocess.run([*curl, *version, *both], capture_output=True, check=True)
        assert said.stdout.endswith(b"{2}")
        assert words(frames) == words(events) == "Hello"


def test_a_socket_on_which_nobody_says_anything_stays_open(site: Site, server: Server) -> None:
    path, session = f"/ws/chat/{site.new_room()}/", site.people[1].session
    with ExitStack() as stack:
        proxies = [stack.enter_context(Proxy(each, site.project, server.port)) for each in PROXIES]
        clients = [stack.enter_context(opened(each, path, session)) for each in proxies]
        opened_at = monotonic()
        while monotonic() < opened_at + IDLE_SECONDS + 1:
            assert [next_type(each) for each in clients]
        for each in clients:
            assert each.ping().wait(ANSWER_SECONDS)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Callable[[Proxy], Browser]]:
    """Chromium that takes a proxy for the site."""
    with sync_playwright() as playwright:

        def launch(proxy: Proxy) -> Browser:
            place = f"MAP {DOMAIN}:443 127.0.0.1:{proxy.https_port}"
            return playwright.chromium.launch(
                executable_path=program(*CHROMIUM),
                args=["--no-sandbox", f"--host-resolver-rules={place}"],
                headless=True,
            )

        yield launch


@pytest.mark.parametrize("choice", [0, 1])
def test_a_person_signs_in_and_their_page_comes_back_after_restarts(
    server: Server, site: Site, room: str, chromium: Callable[[Proxy], Browser], choice: int
) -> None:
    configure = BEFORE[site.kind][choice]
    with Proxy(configure, site.project, server.port) as proxy, closing(chromium(proxy)) as browser:
        sign_in_and_come_back(proxy, server, site, room, browser)


def sign_in_and_come_back(
    proxy: Proxy, server: Server, site: Site, room: str, browser: Browser
) -> None:
    context = browser.new_context(base_url=ORIGIN, ignore_https_errors=True)
    page = context.new_page()
    sockets: list[WebSocket] = []
    page.on("websocket", lambda socket: sockets.append(socket))
    page.goto("/")
    page.locator("[name=login]").fill(site.people[2].username)
    page.locator("[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{ORIGIN}/")
    protocol = "performance.getEntriesByType('navigation')[0].nextHopProtocol"
    assert page.evaluate(protocol) == "h2"
    cookies = {each["name"]: each["secure"] for each in context.cookies()}
    assert cookies == {
        "__Host-parlour_sessionid": True,
        "__Host-parlour_csrftoken": True,
        "__Host-parlour_sessionid_known": True,
    }

    page.goto(f"/rooms/{room}/")
    upload = (
        "fetch('/', {method: 'POST', body: new Uint8Array(24e6)}).then(answer => answer.status)"
    )
    assert page.evaluate(upload) == 413
    composer = page.get_by_role("textbox", name="Message")

    def say(text: str) -> None:
        composer.fill(f"{text} {proxy.name}.")
        composer.press("Enter")
        taken = page.locator(".message:not(.message--pending)")
        expect(taken.filter(has_text=f"{text} {proxy.name}.")).to_be_visible(timeout=30_000)

    say("before")
    assert {each.url for each in sockets} == {f"wss://{DOMAIN}/ws/"}
    with opened(proxy, f"/ws/chat/{room}/", site.people[1].session) as other:
        server.stop()
        assert code_of(other) == 1012
    server.start()
    say("after a restart of the server")
    proxy.stop()
    proxy.start()
    say("after a restart of the proxy")


def opened(
    proxy: Proxy,
    path: str,
    session: str | None = None,
    origin: str | None = ORIGIN,
    protocols: tuple[str, ...] = (PROTOCOL,),
) -> AbstractContextManager[ClientConnection]:
    """A WebSocket through the proxy, tried as often as a browser would.

    On a busy machine Caddy and Traefik keep about one in 200 answers of a server that closes at
    once for themselves; nginx keeps none.
    """
    for left in reversed(range(HANDSHAKES)):
        try:
            return connect(
                f"wss://{DOMAIN}{path}",
                sock=proxy.connected(),
                ssl=proxy.tls,
                origin=Origin(origin) if origin else None,
                subprotocols=[Subprotocol(each) for each in protocols],
                additional_headers={"Cookie": f"__Host-parlour_sessionid={session}"}
                if session
                else {},
                compression=None,
                ping_interval=None,
                open_timeout=ANSWER_SECONDS,
                close_timeout=1,
                max_queue=None,
            )
        except (InvalidMessage, TimeoutError) as error:
            error.add_note(f"{proxy.name} said:\n{proxy.log}")
            if not left:
                raise
    raise AssertionError("No handshake is left.")


def next_type(client: ClientConnection) -> str:
    kind: str = json.loads(client.recv(ANSWER_SECONDS))["type"]
    return kind


def code_of(client: ClientConnection) -> int | None:
    """Wait until the server closes; return its code."""
    try:
        while True:
            client.recv(ANSWER_SECONDS)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None
