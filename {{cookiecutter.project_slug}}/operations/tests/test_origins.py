"""Pages and sockets judge a request alike, whatever proxies say of it."""

import logging
from typing import Any

import pytest
from channels.routing import get_default_application
from channels.testing import HttpCommunicator, WebsocketCommunicator
from django.conf import settings as site
from django.core.asgi import get_asgi_application
from pytest_django import Settings

from operations.proxies import PRIVATE_NETWORKS, FromProxies
from realtime.protocol import PROTOCOL

Headers = list[tuple[bytes, bytes]]

YES, NO = (200, 4401), (403, 4403)  # the form is read; who is there is asked
NOT_HERE = (400, 4403)
CHAT, PROXY, ELSEWHERE = "chat.example.com", "127.0.0.1", "203.0.113.9"
TOKEN = "t" * 32


def sent(origin: str | None, host: str = CHAT, **others: str) -> Headers:
    """The headers of a request; an underscore in a name is a hyphen."""
    given = {"host": host, **({"origin": origin} if origin else {}), **others}
    return [
        (name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in given.items()
    ]


SECURE = f"https://{CHAT}"
PLAIN = f"http://{CHAT}"
TWICE = [*sent(SECURE, x_forwarded_proto="https"), (b"x-forwarded-proto", b"http")]

# Who connects, what they send, and what becomes of a form and of a socket.
REQUESTS: list[tuple[str, Headers, tuple[int, int]]] = [
    # how proxies say that the browser speaks TLS
    (PROXY, sent(SECURE, x_forwarded_proto="https"), YES),
    (PROXY, sent(SECURE, x_forwarded_proto="wss"), YES),
    (PROXY, sent(SECURE, x_forwarded_proto="https,http"), YES),
    (PROXY, sent(SECURE, x_forwarded_proto="wss , http"), YES),
    (PROXY, sent(SECURE, x_forwarded_proto=" HTTPS"), YES),
    (PROXY, TWICE, YES),
    (PROXY, sent(SECURE, x_forwarded_proto="http"), NO),
    (PROXY, sent(SECURE, x_forwarded_proto="ws"), NO),
    (PROXY, sent(SECURE, x_forwarded_proto="http,https"), NO),
    (PROXY, sent(SECURE, x_forwarded_proto="httpss"), NO),
    (PROXY, sent(SECURE, x_forwarded_proto=""), NO),
    (PROXY, sent(PLAIN, x_forwarded_proto="https"), NO),
    (PROXY, sent(PLAIN, x_forwarded_proto="ws"), YES),
    (PROXY, sent(PLAIN), YES),
    # who is believed
    (ELSEWHERE, sent(SECURE, x_forwarded_proto="https"), NO),
    (ELSEWHERE, sent(PLAIN, x_forwarded_proto="https"), YES),
    (f"::ffff:{PROXY}", sent(SECURE, x_forwarded_proto="wss"), YES),
    (f"::ffff:{ELSEWHERE}", sent(SECURE, x_forwarded_proto="wss"), NO),
    # what no proxy is believed
    (PROXY, sent(SECURE, forwarded="proto=https;host=chat.example.com"), NO),
    (PROXY, sent(SECURE, x_forwarded_ssl="on", x_forwarded_scheme="https"), NO),
    (PROXY, sent("http://evil.example", x_forwarded_host="evil.example"), NO),
    (PROXY, sent(f"{PLAIN}:8443", x_forwarded_port="8443"), NO),
    (PROXY, sent(PLAIN, host="web:8000", x_forwarded_host=CHAT), NOT_HERE),
    # hosts and origins
    (PROXY, sent(f"{PLAIN}:8080", host=f"{CHAT}:8080"), YES),
    (PROXY, sent(f"{PLAIN}:8080"), NO),
    (PROXY, sent(f"{SECURE}:443", x_forwarded_proto="https"), NO),
    (PROXY, sent(f"{PLAIN}.", host=f"{CHAT}."), YES),
    (PROXY, sent(PLAIN, host=f"{CHAT}."), NO),
    (PROXY, sent("http://CHAT.example.com"), NO),
    (PROXY, sent("http://[2001:db8::1]:8000", host="[2001:db8::1]:8000"), YES),
    (PROXY, sent("http://a.b.example.org", host="a.b.example.org"), YES),
    (PROXY, sent("http://other.example", host="other.example"), NOT_HERE),
    (PROXY, sent("null"), NO),
    (PROXY, sent(f"{PLAIN}/"), NO),
    (PROXY, sent(f"{PLAIN} {PLAIN}"), NO),
    (PROXY, sent("http://[", x_forwarded_proto="http"), NO),
    (PROXY, [*sent(PLAIN), (b"origin", PLAIN.encode())], NO),
    (PROXY, [*sent(PLAIN), (b"host", CHAT.encode())], NOT_HERE),
    # CSRF_TRUSTED_ORIGINS
    (PROXY, sent("https://app.example"), YES),
    (PROXY, sent("http://app.example"), NO),
    (PROXY, sent("https://app.example:8443"), NO),
    (PROXY, sent("https://one.partner.example"), YES),
    (PROXY, sent("https://partner.example.evil.example"), NO),
    (PROXY, sent("https://notpartner.example"), NO),
    (PROXY, sent("https://app.example", host="other.example"), NOT_HERE),
]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("client", "headers", "verdict"), REQUESTS)
async def test_a_page_and_a_socket_get_the_same_verdict(
    settings: Settings, client: str, headers: Headers, verdict: tuple[int, int]
) -> None:
    settings.ALLOWED_HOSTS = [CHAT, ".example.org", "[2001:db8::1]"]
    settings.CSRF_TRUSTED_ORIGINS = ["https://app.example", "https://*.partner.example"]
    assert (await of_page(client, headers), await of_socket(client, headers)) == verdict


async def of_page(client: str, headers: Headers) -> int:
    """The status of the answer to a form that is sent."""
    form = [
        (b"cookie", f"{site.CSRF_COOKIE_NAME}={TOKEN}".encode()),
        (b"content-type", b"application/x-www-form-urlencoded"),
    ]
    body = f"csrfmiddlewaretoken={TOKEN}".encode()
    django: Any = get_asgi_application()  # with these settings
    pages = FromProxies(django, PRIVATE_NETWORKS)
    browser = HttpCommunicator(pages, "POST", "/accounts/login/", body, [*headers, *form])
    browser.scope |= {"client": (client, 1), "scheme": "http"}
    status: int = (await browser.get_response(timeout=20))["status"]
    await browser.wait()
    return status


async def of_socket(client: str, headers: Headers) -> int:
    """The code that a socket is closed with, of somebody who is not signed in."""
    sockets = FromProxies(get_default_application(), PRIVATE_NETWORKS)
    browser = WebsocketCommunicator(sockets, "/ws/", headers, [PROTOCOL])
    browser.scope |= {"client": (client, 1), "scheme": "ws"}
    await browser.connect(timeout=20)
    code: int = (await browser.receive_output(timeout=20))["code"]
    return code


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        (
            sent(SECURE),
            "/ws/ refused with 4403: it was opened by a page of 'https://chat.example.com', "
            "and this site is 'http://chat.example.com'. If that page is yours, "
            "see Behind a proxy in docs/operations.md.",
        ),
        (
            sent("\nhttp://" + "e" * 10_000),
            "/ws/ refused with 4403: it was opened by a page of '\\nhttp://"
            + "e" * 190
            + ", and this site is 'http://chat.example.com'. If that page is yours, "
            "see Behind a proxy in docs/operations.md.",
        ),
        (
            sent(None),
            "/ws/ refused with 4403: it was opened by a page of '', and this site is "
            "'http://chat.example.com'. If that page is yours, "
            "see Behind a proxy in docs/operations.md.",
        ),
        (
            sent(SECURE, host="web:8000"),
            "/ws/ refused with 4403: Invalid HTTP_HOST header: 'web:8000'. You may need to add "
            "'web' to ALLOWED_HOSTS. See Behind a proxy in docs/operations.md.",
        ),
    ],
)
async def test_a_refused_origin_is_logged_with_what_was_expected(
    settings: Settings, caplog: pytest.LogCaptureFixture, headers: Headers, told: str
) -> None:
    settings.ALLOWED_HOSTS = [CHAT]
    with caplog.at_level(logging.INFO):
        assert await of_socket(ELSEWHERE, headers) == 4403
    assert [record.getMessage() for record in caplog.records] == [told]
