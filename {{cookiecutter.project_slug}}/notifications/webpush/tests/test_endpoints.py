"""Where messages may be posted to: endpoints are what people typed."""

import socket
from typing import Any

import pytest
from pytest_django import Settings

from notifications.webpush.endpoints import BadEndpoint, Unreachable, check, post
from notifications.webpush.tests.service import PushService


@pytest.fixture
def in_earnest(settings: Settings) -> None:
    settings.WEB_PUSH_ALLOW_PRIVATE = False


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    def found(host: str, port: int, **kwargs: Any) -> list[Any]:  # Any: as the socket module has it
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", found)


@pytest.mark.parametrize(
    "endpoint",
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
def test_what_is_no_push_service_is_refused(in_earnest: None, endpoint: str) -> None:
    with pytest.raises(BadEndpoint):
        check(endpoint)


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://fcm.googleapis.com/fcm/send/abc:def",
        "https://updates.push.services.mozilla.com/wpush/v2/abc?x=1",
        "https://push.example.com:443/x",
        "https://8.8.8.8/x",
    ],
)
def test_push_services_are_let_through(in_earnest: None, endpoint: str) -> None:
    check(endpoint)


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.169.254", "::1", "fd00::1"]
)
def test_a_name_that_leads_into_our_own_network_is_refused_before_connecting(
    in_earnest: None, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    resolve_to(monkeypatch, "8.8.8.8", address)

    with pytest.raises(BadEndpoint):
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


def test_redirections_are_not_followed(service: PushService) -> None:
    service.statuses = [307]
    service.headers = {"Location": f"http://127.0.0.1:{service.server_port}/elsewhere"}

    answer = post(f"http://127.0.0.1:{service.server_port}/x", b"hello", {})

    assert answer.status == 307
    assert [path for path, _, _ in service.taken] == ["/x"]
