"""Where may be posted to: addresses are what people typed."""

import socket
from typing import Any

import pytest
from pytest_django import Settings

from realtime.posting import BadAddress, Unreachable, check_address, post
from realtime.tests.receiver import receiving


@pytest.fixture
def in_earnest(settings: Settings) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = False


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    def found(host: str, port: int, **kwargs: Any) -> list[Any]:  # Any: as the socket module has it
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", found)


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
