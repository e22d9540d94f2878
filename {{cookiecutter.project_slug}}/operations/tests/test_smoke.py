"""The check of a deployed site, against front doors at which something is wrong."""

import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from operations import smoke
from operations.smoke import CLOSE_FRAME, PAGE, PROTOCOL
from realtime import protocol

Answer = Callable[["Door"], None]


class Door(BaseHTTPRequestHandler):
    """Answers for a site: 200 for the sign-in page, and for `/ws/` as the test wants it."""

    protocol_version = "HTTP/1.1"
    answer_socket: Answer
    page_status = 200
    page_headers: ClassVar[dict[str, str]] = {}

    def do_GET(self) -> None:
        if self.path == PAGE:
            self.answer(self.page_status, **self.page_headers)
        else:
            type(self).answer_socket(self)

    def answer(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": "0", **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def open_socket(self, protocol: str = PROTOCOL) -> None:
        self.send_response(101)
        self.send_header("Sec-WebSocket-Protocol", protocol)
        self.end_headers()
        self.close_connection = True

    def close_socket(self, code: int, reason: str = "") -> None:
        payload = struct.pack("!H", code) + reason.encode()
        self.wfile.write(bytes([CLOSE_FRAME, len(payload)]) + payload)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serving(
    answer_socket: Answer, *, tls: ssl.SSLContext | None = None, **page: object
) -> Iterator[str]:
    """The address of a door."""
    names = {"answer_socket": staticmethod(answer_socket), **page}
    with ThreadingHTTPServer(("127.0.0.1", 0), type("OneDoor", (Door,), names)) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def status(number: int, **headers: str) -> Answer:
    return lambda door: door.answer(number, **headers)


def closing(code: int, foreign: int = 4403) -> Answer:
    def answer(door: Door) -> None:
        door.open_socket()
        door.close_socket(
            foreign if door.headers["Origin"] == "https://foreign.invalid" else code, "So it is."
        )

    return answer


def welcoming(door: Door) -> None:
    door.open_socket()
    door.wfile.write(b"\x81\x02{}")


def speaking_another_protocol(door: Door) -> None:
    door.open_socket("graphql-ws")


def test_a_good_door_passes(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(closing(4401)) as address:
        assert smoke.main([f"http://{address}"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "/accounts/login/ answers 200.",
        "/ws/ opens a WebSocket, and asks who is there.",
        "/ws/ refuses the pages of other sites.",
    ]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (status(200), "/ws/ answers 200 in place of 101. Something else answers there, or"),
        (status(403), "/ws/ answers 403 in place of 101. Something else answers there, or"),
        (status(426), "or a proxy does not pass Host or Upgrade on."),
        (status(500), "/ws/ answers 500 in place of 101. Look at the server's log."),
        (status(502), "/ws/ answers 502 in place of 101. The proxy reaches no server: look at"),
        (
            status(301, Location="https://chat.example.com/ws/"),
            "/ws/ answers 301 (to https://chat.example.com/ws/) in place of 101. Give the address",
        ),
        (speaking_another_protocol, "/ws/ is not a WebSocket that speaks realtime.v1."),
        (Door.open_socket, "/ws/ opens, and the connection ends without a close frame."),
        (welcoming, "/ws/ lets in someone who is not signed in."),
        (closing(4403), "/ws/ refuses http://chat.example.com, the site's own origin. Check ALLOW"),
        (closing(1013), "/ws/ closes with 1013 (So it is.) in place of 4401. Look at the server's"),
        (closing(4401, foreign=4401), "in place of 4403 for the page of another site."),
    ],
)
def test_what_is_wrong_with_the_socket_is_said_in_a_line(
    answer: Answer, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(answer) as address:
        assert smoke.main(["http://chat.example.com", "--at", address]) == 1
    line = capsys.readouterr().err
    assert said in line
    assert line.count("\n") == 1


def test_a_page_that_fails_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(closing(4401), page_status=503) as address:
        assert smoke.main([f"http://{address}"]) == 1
    assert "/accounts/login/ answers 503 in place of 200." in capsys.readouterr().err


def test_a_site_that_does_not_know_of_its_tls_is_told_from_one_elsewhere(
    capsys: pytest.CaptureFixture[str],
) -> None:
    headers = {"Location": "http://chat.example.com/accounts/login/"}
    with serving(closing(4401), page_status=301, page_headers=headers) as address:
        assert smoke.main(["http://chat.example.com", "--at", address]) == 1
        assert smoke.main(["http://old.example.com", "--at", address]) == 1
    itself, elsewhere = capsys.readouterr().err.splitlines()
    assert itself.startswith("/accounts/login/ leads to itself: the site does not know that its ")
    assert "BEHIND_PROXY" in itself
    assert elsewhere.endswith("Give the address that this leads to.")


def test_a_port_at_which_nothing_listens_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        assert smoke.main([f"http://127.0.0.1:{port}"]) == 1
    assert f"127.0.0.1:{port} does not answer: " in capsys.readouterr().err


def test_a_door_that_never_answers_is_given_up(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smoke, "ANSWER_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert smoke.main([f"http://127.0.0.1:{silent.getsockname()[1]}"]) == 1
    assert "no answer in 0.1 seconds." in capsys.readouterr().err


def test_a_certificate_is_verified(certificate: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(closing(4401), tls=tls_of(certificate)) as address:
        assert smoke.main(["https://chat.example.com", "--at", address]) == 1
    assert "The certificate of chat.example.com is not valid: self" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("headers", "exit_code", "said"),
    [
        ({"Strict-Transport-Security": "max-age=31536000"}, 0, ""),
        ({}, 1, "/accounts/login/ has no Strict-Transport-Security"),
    ],
)
def test_a_secure_site_keeps_its_visitors_secure(
    headers: dict[str, str],
    exit_code: int,
    said: str,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with serving(closing(4401), tls=tls_of(certificate), page_headers=headers) as address:
        assert smoke.main(["https://chat.example.com", "--at", address]) == exit_code
    assert said in capsys.readouterr().err


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of chat.example.com that signs itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "chat.example.com")])
    names = x509.SubjectAlternativeName([x509.DNSName("chat.example.com")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(names, critical=False)
        .sign(key, SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file = tmp_path_factory.mktemp("tls") / "certificate.pem"
    file.write_bytes(signed.public_bytes(Encoding.PEM) + secret)
    return file


def tls_of(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.mark.parametrize(
    "arguments",
    [
        ["chat.example.com"],
        ["ftp://chat.example.com"],
        ["https://"],
        ["https://chat.example.com/rooms/"],
        ["https://chat.example.com", "--at", "proxy"],
        ["https://chat.example.com", "--at", "proxy:many"],
    ],
)
def test_an_address_that_is_none_is_refused_in_a_line(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        smoke.main(arguments)
    assert f"{arguments[-1]} is not a" in capsys.readouterr().err


def test_its_words_are_those_of_the_wire() -> None:
    assert smoke.PROTOCOL == protocol.PROTOCOL
    assert smoke.UNAUTHENTICATED == protocol.CloseCode.UNAUTHENTICATED
    assert smoke.FORBIDDEN == protocol.CloseCode.FORBIDDEN


def test_the_session_is_sent_under_the_sites_own_name() -> None:
    seen: list[str | None] = []

    def answer(door: Door) -> None:
        seen.append(door.headers["Cookie"])
        closing(4401)(door)

    named = {"Set-Cookie": "__Host-parlour_csrftoken=abc; Path=/"}
    with serving(answer, page_headers=named) as address:
        smoke.main([f"http://{address}"])
    assert seen == ["__Host-parlour_sessionid=of-nobody"] * 2
