"""What people who have not signed in can send, and what a broken Redis changes for them."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path
from threading import Barrier
from time import monotonic
from urllib.parse import urlencode

import pytest

from tests.conftest import Bake, Manage, Prepare
from tests.machine import rss_mib
from tests.projects import Server, served
from tests.raw import exchange, tcp
from tests.services import Redis
from tests.sites import LIMITS, Site, tail

BODY_SECONDS = 5
SLACK_SECONDS = 10.0  # on a busy machine
CONNECTIONS = 600
WAITING_BYTES = 16_777_216
WAITING_MIB = 100.0  # a tenth of what the requests in them would take
ENDLESS_BYTES = 33_554_432  # more than the system keeps for a server that does not read
TOKEN = "t" * 32
LARGE = b"Content-Length: 3000000\r\n"
FORM = "application/x-www-form-urlencoded"

# A limit would refuse most of what is sent here before a view reads it.
UNLIMITED = "from config.settings import *\n\nACCOUNT_RATE_LIMITS = False\n"
LOGIN, SIGN_UP = "/accounts/login/", "/accounts/signup/"
API = "/_allauth/app/v1"


@pytest.fixture(scope="module")
def server(site: Site) -> Iterator[Server]:
    (site.project / "config/unlimited.py").write_text(UNLIMITED)
    limits = json.dumps(LIMITS | {"BODY_SECONDS": BODY_SECONDS})
    with site.serving(REALTIME=limits, DJANGO_SETTINGS_MODULE="config.unlimited") as server:
        yield server


# Bodies


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (LARGE, b""),
        (LARGE, b"x" * 3_000_000),
        (LARGE + b"Expect: 100-continue\r\n", b""),
        (b"Transfer-Encoding: chunked\r\n", (b"10000\r\n" + b"x" * 65_536 + b"\r\n") * 48),
    ],
    ids=["announced", "sent", "asked", "chunked"],
)
def test_a_body_that_is_too_large_is_refused(server: Server, headers: bytes, body: bytes) -> None:
    answer, _ = exchange(server, post(server, headers), body)
    assert answer.startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize(
    ("headers", "drip", "seconds"),
    [
        (b"Content-Length: 1000\r\n", b"", LIMITS["HANDSHAKE_SECONDS"]),
        (b"Content-Length: 1000\r\n", b"x", BODY_SECONDS),
        (b"Transfer-Encoding: chunked\r\n", b"1\r\nx\r\n", BODY_SECONDS),
    ],
    ids=["silent", "dripping", "chunked"],
)
def test_a_body_that_is_too_slow_is_refused(
    server: Server, headers: bytes, drip: bytes, seconds: float
) -> None:
    answer, took = exchange(server, post(server, headers), drip=drip)
    assert answer.startswith(b"HTTP/1.1 408")
    assert seconds - 0.5 < took < seconds + SLACK_SECONDS


def test_slow_headers_of_a_later_request_end_the_connection(server: Server) -> None:
    get = post(server, b"").replace(b"POST", b"GET")
    answer, took = exchange(server, get + get[:-2], drip=b"X-Slow: yes\r\n")
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.count(b"HTTP/1.1") == 1
    assert took < LIMITS["HANDSHAKE_SECONDS"] + SLACK_SECONDS


@pytest.mark.parametrize(
    "beginning",
    [
        b"GET /" + b"a" * 80_000,
        b"GET / HTTP/1.1\r\nX-Large: ",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Large: ",
    ],
    ids=["line", "header", "trailer"],
)
def test_headers_without_an_end_are_cut_off(server: Server, beginning: bytes) -> None:
    with tcp(server) as client, pytest.raises(ConnectionError):
        client.sendall(beginning + b"a" * ENDLESS_BYTES)


def test_requests_that_wait_for_each_other_take_little_memory(server: Server) -> None:
    assert server.process is not None
    written = tail(server)
    before = rss_mib(server.process.pid)
    get = post(server, b"").replace(b"POST", b"GET")
    with tcp(server) as client, suppress(OSError):
        client.sendall(get * (WAITING_BYTES // len(get)))
    assert rss_mib(server.process.pid) < before + WAITING_MIB
    exchange(server, get.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    assert "Traceback" not in written()


def test_many_slow_bodies_end_and_hold_up_nobody(server: Server) -> None:
    written = tail(server)

    def slow(number: int) -> bytes:
        return exchange(server, post(server, b"Content-Length: 1000\r\n"), drip=b"x")[0]

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        answers = pool.map(slow, range(CONNECTIONS))
        began = monotonic()
        page, _ = exchange(server, post(server, b"Connection: close\r\n"))
        took = monotonic() - began
        assert Counter(answer[:12] for answer in answers) == {b"HTTP/1.1 408": CONNECTIONS}
    assert page.startswith(b"HTTP/1.1 403")  # its form has no token
    assert took < SLACK_SECONDS
    assert "Traceback" not in written()


# Whatever they send


def test_no_input_of_a_stranger_is_an_error_of_the_server(server: Server) -> None:
    written = tail(server)
    with ThreadPoolExecutor(4) as pool:
        requests = list(inputs())
        answers = pool.map(lambda each: exchange(server, request(server, *each))[0], requests)
        failed = [
            (sent, answer[:40])
            for sent, answer in zip(requests, answers, strict=True)
            if answer.startswith(b"HTTP/1.1 5")
        ]
    assert failed == []
    assert [each for each in written().splitlines() if '"level": "ERROR"' in each] == []


def inputs() -> Iterator[tuple[str, str, dict[str, str], bytes]]:
    """Requests, each as its method, its path, its headers and its body."""
    pages = ["/", LOGIN, SIGN_UP, "/accounts/password/reset/", f"{API}/auth/session", "/admin/"]
    cookies = [
        r'parlour_sessionid="aaaaaaaaaaaaaaaa\000b"',
        r'parlour_sessionid="\377\376aaaaaaaaaaaaaa"',
        "parlour_sessionid=" + "a" * 5_000,
        "parlour_sessionid=\xff" + "a" * 20,
        r'parlour_csrftoken="\000"; parlour_messages="\000"; parlour_sessionid_known="\000"',
        "parlour_messages=\xff; parlour_sessionid_known=1:x; =; ;;",
    ]
    queries = ["next=%00", "next=http://[", "next=//[::1", "%ff=%ff", "x=&" * 1_500, "q=%ED%A0%80"]
    headers = [
        {"Host": "evil.example"},
        {"Host": "[::1"},
        {"Host": "\xff"},
        {"Accept": "\xff;q=x,,;" + "," * 2_000},
        {"Content-Type": "text/html; charset=idna"},
        {"Origin": "http://["},
        {"Referer": "http://[\xff"},
        {"X-Session-Token": "\xff" * 50},
        {"X-Forwarded-For": "\xff, none"},
        {"X-Password-Reset-Key": "9" * 5_000 + "-x"},
        {"Range": "bytes=" + "9" * 5_000 + "-"},
        {"If-Modified-Since": "Sat, 32 Foo 99999 99:99:99 GMT"},
    ]
    for page in pages:
        yield from (("GET", page, {"Cookie": each}, b"") for each in cookies)
        yield from (("GET", f"{page}?{each}", {}, b"") for each in queries)
        yield from (("GET", page, each, b"") for each in headers)
    yield from (("POST", f"/api/realtime/frames?{each}", {}, b"") for each in queries)
    nines = "9" * 5_000
    for path in (
        *("/%00", "/%ff/", "//x", "/%2e%2e/", "/people/%00/", "/people/%C4%B0/", "/rooms/%00/"),
        *(f"/people/{'a' * 3_000}/", f"/notifications/{nines}/", f"/static/{'a' * 3_000}"),
        *(f"/accounts/password/reset/key/{nines}-x/", "/accounts/password/reset/key/%00-%00/"),
        *("/accounts/confirm-email/%00:%ff/", "/admin/%00", "/static/%00", "/static/..%2f"),
        f"{API}/%00",
    ):
        yield from ((method, path, {}, b"") for method in ("GET", "POST", "HEAD", "OPTIONS"))
    documents = [
        b"[" * 100_000,
        b'{"a":' * 50_000,
        *(b'{"username":%b%b}' % (b"[" * deep, b"]" * deep) for deep in (900, 950, 990, 20_000)),
        b'{"username": %b}' % nines.encode(),
        b'{"username": 1e999, "password": NaN, "key": null, "email": {"a": 1}}',
        rb'{"username": "\ud800", "password": "\ud800", "email": "a\ud800@b.com"}',
        rb'{"username": "a\u0000b", "password": "\u0000", "key": "\u0000-\u0000"}',
        rb'{"username": "new", "email": "new@example.com", "password": "quiet-\ud800-lantern"}',
        b"\xff",
        b"null",
    ]
    for part in ("login", "signup", "password/request", "password/reset", "email/verify"):
        for document in documents:
            yield "POST", f"{API}/auth/{part}", {"Content-Type": "application/json"}, document
    forms = [
        b"login=%00&password=%ff&username=%ED%A0%80",
        b"x=&" * 1_500,
        b"login=" + b"x" * 2_600_000,
    ]
    parts = [
        b"--x\r\n\r\n",
        b'--x\r\nContent-Disposition: form-data; name="f"; filename="\0"\r\n\r\nx\r\n--x--\r\n',
        b"--x\r\nContent-Disposition: form-data; name*=utf-16''%00; filename*=z''x\r\n\r\n--x--",
        b'--x\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\nx\r\n' * 150,
    ]
    for path in (LOGIN, SIGN_UP, "/api/realtime/ticket", "/rooms/x/join/", "/admin/login/"):
        common = {"Cookie": f"parlour_csrftoken={TOKEN}", "X-CSRFToken": TOKEN}
        for charset in ("utf-8", "utf-16", "latin-1", "idna", "rot13", "base64", "none"):
            kinds = {FORM: forms, "multipart/form-data; boundary=x": parts}
            for kind, bodies in kinds.items():
                typed = {**common, "Content-Type": f"{kind}; charset={charset}"}
                yield from (("POST", path, typed, body) for body in bodies)
    upgrade = {
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
    }
    for change in (
        {"Cookie": cookies[0]},
        {"Cookie": cookies[3]},
        {"Origin": "\xff"},
        {"Origin": "http://["},
        {"Sec-WebSocket-Protocol": "ticket.\xff"},
        {"Sec-WebSocket-Protocol": "ticket." + "a" * 5_000},
        {"Sec-WebSocket-Version": "x"},
        {"Host": "evil.example"},
    ):
        for path in ("/ws/", "/ws/chat/%00/", f"/ws/chat/general/?since={nines}", "/ws/%ff"):
            yield "GET", path, {"Origin": "http://127.0.0.1", **upgrade, **change}, b""


# At once


def test_one_of_those_who_sign_up_with_a_name_at_once_gets_it(server: Server) -> None:
    def sign_up(number: int) -> tuple[int, str]:
        answers = {"username": "same", "email": f"same{number}@example.com", **PASSWORDS}
        return submit(server, SIGN_UP, answers)

    def sign_up_by_app(number: int) -> tuple[int, str]:
        answers = {"username": "same-app", "email": f"app{number}@example.com", "password": SECRET}
        return submit(server, f"{API}/auth/signup", answers, as_json=True)

    answers = at_once(sign_up, 6)
    assert Counter(status for status, _ in answers) == {302: 1, 200: 5}
    refused = [page for status, page in answers if status == 200]
    assert all("Somebody goes by this name" in page for page in refused)
    assert Counter(status for status, _ in at_once(sign_up_by_app, 6)) == {200: 1, 400: 5}


SECRET = "quiet-copper-lantern"
PASSWORDS = {"password1": SECRET}


# A broken Redis

SIGN_IN = """
import json
from time import monotonic

from django.conf import settings
from django.test import Client
from redis import Redis

from accounts.models import User
from realtime.redis import CacheClient

settings.ALLOWED_HOSTS = ["testserver"]
User.objects.create_user("{name}", "{name}@example.com", "quiet-copper-lantern")
redis = Redis(port={port})
for command in {commands}:
    redis.execute_command(*command)


def sign_in(password, address):
    CacheClient._try_at = None
    began = monotonic()
    answers = {{"login": "{name}", "password": password}}
    client = Client(REMOTE_ADDR=address, raise_request_exception=False)
    status = client.post("/accounts/login/", answers).status_code
    return status, monotonic() - began < 15


right = sign_in("quiet-copper-lantern", "203.0.113.1")
CacheClient._try_at = None
guesses = Client(REMOTE_ADDR="203.0.113.2")
for password in ["wrong"] * 5 + ["quiet-copper-lantern"]:
    last = guesses.post("/accounts/login/", {{"login": "{name}", "password": password}})
print(json.dumps([*right, last.status_code]))
"""


@pytest.mark.parametrize(
    ("fault", "commands"),
    [
        ("full", [["CONFIG", "SET", "maxmemory", "1"]]),
        ("replica", [["REPLICAOF", "127.0.0.1", "1"]]),
        ("locked", [["CONFIG", "SET", "requirepass", "x"]]),
        ("hanging", [["CLIENT", "PAUSE", "60000", "ALL"]]),
    ],
)
def test_people_sign_in_and_guesses_are_counted_while_redis_is_broken(
    project: Path, manage: Manage, redis: Redis, fault: str, commands: list[list[str]]
) -> None:
    code = SIGN_IN.format(name=fault, port=redis.port, commands=commands)
    shell = ["shell", "--verbosity", "0", "--command", code]
    said = manage(project, *shell, **served(REDIS_URL=redis.url))
    assert json.loads(said.splitlines()[-1]) == [302, True, 200], said


@pytest.fixture(scope="module")
def project(bake: Bake, prepare: Prepare, redis_url: str) -> Path:
    project = bake()
    prepare(project, **served(REDIS_URL=redis_url))
    return project


# What the tests share


def post(server: Server, headers: bytes) -> bytes:
    """The headers of a form that is sent to the sign-in page."""
    return b"POST %b HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: %b\r\n%b\r\n" % (
        LOGIN.encode(),
        server.port,
        FORM.encode(),
        headers,
    )


def request(server: Server, method: str, path: str, headers: dict[str, str], body: bytes) -> bytes:
    upgrades = "Upgrade" in headers
    given = {
        "Host": f"127.0.0.1:{server.port}",
        "Connection": "Upgrade" if upgrades else "close",
        **({"Content-Length": str(len(body))} if body else {}),
        **headers,
    }
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {given[name]}" for name in given), "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def submit(
    server: Server, path: str, answers: dict[str, str], *, as_json: bool = False
) -> tuple[int, str]:
    """The status and the page that answers a form or a program's JSON."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=30)
    headers = {
        "Content-Type": "application/json" if as_json else FORM,
        "Cookie": f"parlour_csrftoken={TOKEN}",
        "X-CSRFToken": TOKEN,
    }
    body = json.dumps(answers) if as_json else urlencode(answers)
    try:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def at_once(act: Callable[[int], tuple[int, str]], count: int) -> list[tuple[int, str]]:
    barrier = Barrier(count)

    def wait_and_act(number: int) -> tuple[int, str]:
        barrier.wait()
        return act(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(wait_and_act, range(count)))
