"""WebSockets without a library: a client that may say too little, too much or nothing at all."""

import base64
import json
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from time import monotonic

from tests.projects import Server
from tests.wire import PROTOCOL, Json

ABNORMAL = 1006
DRIP_SECONDS = 0.2
CONTINUATION, TEXT, BINARY, CLOSE, PING = 0x0, 0x1, 0x2, 0x8, 0x9


def tcp(server: Server, receive_buffer: int | None = None) -> socket.socket:
    """A connection that has said nothing yet.

    Args:
        receive_buffer: bytes that the system takes for a client that does not read.
    """
    client = socket.socket()
    if receive_buffer is not None:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    client.settimeout(10)
    client.connect(("127.0.0.1", server.port))
    return client


def request(server: Server, path: str, session: str) -> bytes:
    """The handshake of a browser that is signed in."""
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: 127.0.0.1:{server.port}",
        f"Origin: {server.url}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Protocol: {PROTOCOL}",
        f"Cookie: parlour_sessionid={session}",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def upgraded(
    server: Server, path: str, session: str, receive_buffer: int | None = None
) -> socket.socket:
    """A connection that is a WebSocket from here on."""
    client = tcp(server, receive_buffer)
    client.sendall(request(server, path, session))
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):  # byte by byte: what follows is the test's to read
        chunk = client.recv(1)
        if not chunk:
            break
        answer += chunk
    assert answer.startswith(b"HTTP/1.1 101"), answer
    return client


def frame(payload: bytes, opcode: int = TEXT, *, final: bool = True) -> bytes:
    """One frame as a client sends it: masked, with a mask that changes nothing."""
    first = (0x80 if final else 0) | opcode
    length = len(payload)
    if length < 126:
        return b"%c%c\0\0\0\0%b" % (first, 0x80 | length, payload)
    if length < 65_536:
        return b"%c\xfe%b\0\0\0\0%b" % (first, length.to_bytes(2, "big"), payload)
    return b"%c\xff%b\0\0\0\0%b" % (first, length.to_bytes(8, "big"), payload)


def next_frame(client: socket.socket) -> Json:
    """The next frame that is a text, read as JSON."""
    received = bytearray()
    while True:
        for opcode, payload in _whole_frames(received):
            if opcode == TEXT:
                frame: Json = json.loads(payload)
                return frame
        chunk = client.recv(1)  # no more than the frame: what follows is for the next call
        if not chunk:
            raise EOFError("the server has closed the connection")
        received += chunk


def next_reply(client: socket.socket) -> Json:
    """The next frame that answers another."""
    while "id" not in (frame := next_frame(client)):
        pass
    return frame


def close_code(client: socket.socket, seconds: float, drip: bytes = b"") -> int:
    """Read until the server closes; see `frames_and_code`."""
    return frames_and_code(client, seconds, drip)[1]


def frames_and_code(
    client: socket.socket, seconds: float, drip: bytes = b""
) -> tuple[list[Json], int]:
    """What the server sends until it closes, and its close code: 1006 where it gave none.

    Args:
        drip: what to send now and again meanwhile.

    Raises:
        AssertionError: the server has not closed within so many seconds.
    """
    deadline = monotonic() + seconds
    frames: list[Json] = []
    received = bytearray()
    client.settimeout(DRIP_SECONDS)
    while monotonic() < deadline:
        try:
            chunk = client.recv(1 << 20)
        except TimeoutError:
            with suppress(OSError):
                client.sendall(drip)
            continue
        except OSError:
            return frames, ABNORMAL
        if not chunk:
            return frames, ABNORMAL
        received += chunk
        if received.startswith(b"HTTP/"):  # the answer to a bad handshake
            continue
        for opcode, payload in _whole_frames(received):
            if opcode == CLOSE:
                return frames, int.from_bytes(payload[:2], "big")
            if opcode == TEXT:
                frames.append(json.loads(payload))
    raise AssertionError(f"not closed within {seconds} s")


def exchange(
    server: Server, sent: bytes, body: bytes = b"", drip: bytes = b"", seconds: float = 20
) -> tuple[bytes, float]:
    """What the server answers until it closes, and after how many seconds it has closed.

    A WebSocket that opens is left at once.

    Args:
        drip: what to send now and again meanwhile.
        seconds: how long to wait.
    """
    began = monotonic()
    answer = b""
    with tcp(server) as client:
        client.settimeout(DRIP_SECONDS)
        with suppress(OSError):
            client.sendall(sent)
            client.settimeout(10)
            client.sendall(body)
        client.settimeout(DRIP_SECONDS)
        while monotonic() - began < seconds and b" 101 " not in answer[:20]:
            try:
                chunk = client.recv(65_536)
            except TimeoutError:
                with suppress(OSError):
                    client.sendall(drip)
                continue
            except OSError:
                break
            if not chunk:
                break
            answer += chunk
    return answer, monotonic() - began


def _whole_frames(received: bytearray) -> Iterator[tuple[int, bytes]]:
    """Take the whole frames off the beginning of what was received."""
    while len(received) >= 2:
        start, length = 2, received[1] & 0x7F
        if length >= 126:
            start = 4 if length == 126 else 10
            length = int.from_bytes(received[2:start], "big")
        if len(received) < start + length:
            return
        opcode, payload = received[0] & 0x0F, bytes(received[start : start + length])
        del received[: start + length]
        yield opcode, payload
