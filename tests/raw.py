"""WebSockets without a library: a client that may say too little, too much or nothing at all."""

import base64
import os
import socket
from time import monotonic

from tests.projects import Server
from tests.wire import PROTOCOL

TEXT, BINARY, CLOSE, PING = 0x1, 0x2, 0x8, 0x9


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
        f"Cookie: sessionid={session}",
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
        answer += client.recv(1)
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


def close_code(client: socket.socket, seconds: float) -> int:
    """Read until the server closes; the code of its close frame, or 1006 where it sent none."""
    deadline = monotonic() + seconds
    received = bytearray()
    try:
        while monotonic() < deadline:
            client.settimeout(max(deadline - monotonic(), 0.01))
            chunk = client.recv(1 << 20)
            if not chunk:
                return 1006
            received += chunk
            code = _take_frames(received)
            if code is not None:
                return code
    except TimeoutError:
        pass
    except OSError:
        return 1006
    raise AssertionError(f"not closed within {seconds} s")


def _take_frames(received: bytearray) -> int | None:
    """Drop the whole frames at the beginning; the code of a close frame among them."""
    while len(received) >= 2:
        start, length = 2, received[1] & 0x7F
        if length >= 126:
            size = 2 if length == 126 else 8
            if len(received) < 2 + size:
                return None
            start, length = 2 + size, int.from_bytes(received[2 : 2 + size], "big")
        if len(received) < start + length:
            return None
        if received[0] & 0x0F == CLOSE:
            return int.from_bytes(received[start : start + 2], "big")
        del received[: start + length]
    return None
