"""What stands between people and the site: no WebSocket passes, and responses may be held."""

import re
import selectors
import socket
import threading
from contextlib import suppress
from typing import Self

from tests.services import free_port

REFUSAL = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
LOOK_SECONDS = 0.1


class Middlebox:
    """A proxy before a server, as long as it is entered.

    Args:
        upstream: the port of the server.
        holds: whether a response is passed on only when all of it is there.
    """

    def __init__(self, upstream: int, *, holds: bool = False) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.refused = 0
        self.requests: list[str] = []
        self._upstream = upstream
        self._holds = holds
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._threads: list[threading.Thread] = []
        self._ends = False

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._ends = True
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def _start(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                self._start(self._serve, self._listener.accept()[0])

    def _serve(self, client: socket.socket) -> None:
        """Pass one request on; the next one has a connection of its own."""
        with client, suppress(OSError):
            client.settimeout(10)
            received = b""
            while b"\r\n\r\n" not in received:
                if not (data := client.recv(65_536)):
                    return
                received += data
            head, _, rest = received.partition(b"\r\n\r\n")
            self.requests.append(head.split(b"\r\n")[0].decode())
            if re.search(rb"\r\nupgrade: websocket", head, re.IGNORECASE):
                self.refused += 1
                client.sendall(REFUSAL)
                return
            head = re.sub(rb"\r\nconnection: [^\r]*", b"", head, flags=re.IGNORECASE)
            with socket.create_connection(("127.0.0.1", self._upstream)) as server:
                server.sendall(head + b"\r\nConnection: close\r\n\r\n" + rest)
                self._pass(client, server)

    def _pass(self, client: socket.socket, server: socket.socket) -> None:
        held = b""
        with selectors.DefaultSelector() as selector:
            selector.register(client, selectors.EVENT_READ)
            selector.register(server, selectors.EVENT_READ)
            while not self._ends:
                for key, _ in selector.select(LOOK_SECONDS):
                    data = key.fileobj.recv(65_536)  # type: ignore[union-attr]
                    if key.fileobj is client:
                        if not data:
                            return
                        server.sendall(data)
                    elif not data:
                        client.sendall(held)
                        return
                    elif self._holds:
                        held += data
                    else:
                        client.sendall(data)
