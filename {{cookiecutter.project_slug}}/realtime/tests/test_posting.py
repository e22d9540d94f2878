"""Where may be posted to: addresses are what people typed."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread
from typing import Any

import pytest
from pytest_django import Settings

from realtime import posting
from realtime.posting import BadAddress, Unreachable, check_address, post
from realtime.tests.receiver import receiving


@pytest.fixture
def in_earnest(settings: Settings) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = False


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    def found(host: str, port: int, **kwargs: Any) -> list[Any]:  # Any: as the socket module has it
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", found)


@contextmanager
def dripping(start: bytes) -> Iterator[str]:
    """The place of a server that says `start`, and then a byte now and then for five seconds."""

    def drip() -> None:
        connection, _ = server.accept()
        with connection, suppress(OSError):
            connection.sendall(start)
            for _ in range(100):
                time.sleep(0.05)
                connection.sendall(b"x")
            connection.sendall(b"\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = Thread(target=drip)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        thread.join()


@pytest.mark.parametrize(
    "url",
    [
        "http://push.example.com/x",
        "ftp://push.example.com/x",
        "https://push.example.com:8443/x",
        "https://push.example.com:99999/x",
        "https://user@push.example.com/x",
        "https://127.0.0.1/x",
        "https://10.0.0.1/x",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::1]/x",
        "https://[::ffff:127.0.0.1]/x",
        "https://[fe80::1%25eth0]/x",
        "https://[64:ff9b::7f00:1]/x",
        "https://[2002:7f00:1::]/x",
        "https://0.0.0.0/x",
        "https://224.0.0.1/x",
        "https:///x",
        "https://[::/x",
        "//push.example.com/x",
        "push.example.com",
        "",
        "https://push.example.com/\r\nHost: elsewhere",
        "https://pûsh.example.com/x",
    ],
)
def test_what_is_no_public_address_is_refused(in_earnest: None, url: str) -> None:
    with pytest.raises(BadAddress):
        check_address(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://fcm.googleapis.com/fcm/send/abc:def",
        "https://updates.push.services.mozilla.com/wpush/v2/abc?x=1",
        "https://push.example.com:443/x",
        "https://8.8.8.8/x",
    ],
)
def test_public_addresses_are_let_through(in_earnest: None, url: str) -> None:
    check_address(url)


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.169.254", "::1", "fd00::1"]
)
def test_a_name_that_leads_into_our_own_network_is_refused_before_connecting(
    in_earnest: None, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    resolve_to(monkeypatch, "8.8.8.8", address)

    with pytest.raises(BadAddress):
        post("https://push.example.com/x", b"", {})


def test_the_connection_is_made_to_the_address_that_was_looked_at(
    in_earnest: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_to(monkeypatch, "8.8.8.8")
    connected = []

    def connect(address: tuple[str, int], *args: object, **kwargs: object) -> socket.socket:
        connected.append(address)
        raise OSError("not from a test")

    monkeypatch.setattr("urllib3.util.connection.create_connection", connect)

    with pytest.raises(Unreachable):
        post("https://push.example.com/x", b"", {})
    assert connected == [("8.8.8.8", 443)]


def test_a_name_that_nobody_knows_is_unreachable(
    in_earnest: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*args: object, **kwargs: object) -> None:
        raise socket.gaierror("unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    with pytest.raises(Unreachable):
        post("https://push.example.com/x", b"", {})


def test_redirections_are_not_followed(settings: Settings) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = True
    with receiving() as receiver:
        receiver.statuses = [307]
        receiver.headers = {"Location": receiver.url("/elsewhere")}

        answer = post(receiver.url("/x"), b"hello", {})

        assert answer.status == 307
        assert [path for path, _, _ in receiver.taken] == ["/x"]


@pytest.mark.parametrize(
    ("scheme", "start"),
    [
        ("http", b"HTTP/1.1 200 OK\r\nX-Long: "),
        ("http", b"HTTP/1.1 200 "),
        ("https", b"\x16\x03\x03\x40\x00"),  # of a handshake
    ],
)
def test_an_answer_that_drips_in_is_cut_off(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, scheme: str, start: bytes
) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = True
    monkeypatch.setattr(posting, "ANSWER_SECONDS", 0.3)
    with dripping(start) as place:
        began_at = time.monotonic()
        with pytest.raises(Unreachable):
            post(f"{scheme}://{place}/x", b"", {})
        assert time.monotonic() - began_at < 3


def test_a_body_that_drips_in_is_not_waited_for(settings: Settings) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = True
    with dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n") as place:
        began_at = time.monotonic()
        assert post(f"http://{place}/x", b"", {}).status == 200
        assert time.monotonic() - began_at < 3
