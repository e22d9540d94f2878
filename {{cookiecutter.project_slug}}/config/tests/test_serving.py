"""The servers of this project, started as its owner starts them, and what they cannot listen on."""

import errno
import socket
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from config.tests.servers import Server, free_port
from operations import smoke
from realtime.management.commands.serve import listen

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_development_server_passes_the_check_of_a_deployed_site(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Server("runserver", folder=tmp_path) as server:  # under its reloader
        exit_code = smoke.main([server.url])
    assert (exit_code, capsys.readouterr().err) == (0, "")


def test_a_socket_for_both_takes_ipv4_and_ipv6() -> None:
    with listen("::", free_port()) as listener:
        port = listener.getsockname()[1]
        for host in ("127.0.0.1", "::1"):
            socket.create_connection((host, port)).close()


@pytest.mark.parametrize(
    ("host", "place"),
    [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]"), ("[::1]", "[::1]"), ("::", "[::]")],
)
def test_a_port_in_use_is_named(host: str, place: str) -> None:
    bare = host.strip("[]")
    family = socket.AF_INET6 if ":" in bare else socket.AF_INET
    with socket.create_server((bare, 0), family=family) as other:
        port = other.getsockname()[1]
        assert refusal(host, port) == (
            f"Nothing can listen on {place}:{port}: it is in use. "
            "Stop what uses it, or choose another with PORT=."
        )


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "a..b"])
def test_a_host_that_is_not_here_is_named(host: str) -> None:
    place = f"[{host}]" if ":" in host else host
    assert refusal(host, 8000) == (
        f"Nothing can listen on {place}:8000: the host is no address of this machine. "
        "Give one with HOST=, such as 127.0.0.1, or :: for all."
    )


@pytest.mark.parametrize("port", [-1, 0, 65_536])
def test_a_number_that_is_no_port_is_named(port: int) -> None:
    assert refusal("127.0.0.1", port) == f"{port} is no port: give a number from 1 to 65535."


def test_a_port_that_is_not_for_this_user_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket, "create_server", refuse)
    assert refusal("::1", 80) == (
        "Nothing can listen on [::1]:80: this user may not use ports below 1024. "
        "Choose another with PORT=."
    )


def refusal(host: str, port: int) -> str:
    """What `serve` says where it cannot listen."""
    with pytest.raises(CommandError) as refused:
        call_command("serve", host=host, port=port)
    return str(refused.value)
