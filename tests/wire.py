"""The bake's own client of a feed, clients/realtime_client.py, and what it went through."""

import random
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from realtime_client import (
    ANSWER_SECONDS,
    GAP_SECONDS,
    LOST,
    PROTOCOL,
    Cursor,
    FeedClient,
    Json,
    RefusedError,
)
from websockets.asyncio.client import connect
from websockets.typing import Origin, Subprotocol

__all__ = [
    "ANSWER_SECONDS",
    "GAP_SECONDS",
    "LOST",
    "PROTOCOL",
    "Cursor",
    "Json",
    "RoomClient",
    "opened",
]

HANDSHAKE_SECONDS = 20.0


def opened(
    server: str,
    path: str,
    session: str | None = None,
    *,
    origin: str | None = "own",
    protocols: Sequence[str] = (PROTOCOL,),
    headers: Mapping[str, str] | None = None,
    **options: Any,  # Any: what `websockets` takes
) -> connect:
    """A plain connection to a server, `ws://127.0.0.1:8000`, with a session's cookie."""
    own = f"http://{urlsplit(server).netloc}"
    host_only = "__Host-" if (origin or "").startswith("https:") else ""
    cookie = {"Cookie": f"{host_only}parlour_sessionid={session}"} if session else {}
    return connect(
        server + path,
        origin=Origin(own if origin == "own" else origin) if origin else None,
        subprotocols=[Subprotocol(each) for each in protocols] or None,
        additional_headers={**cookie, **(headers or {})},
        **{
            "compression": None,
            "proxy": None,
            "ping_interval": None,
            "open_timeout": HANDSHAKE_SECONDS,
            "close_timeout": 1,
            "max_size": None,
            "max_queue": None,
            **options,
        },
    )


class RoomClient(FeedClient):
    """One person in one room, known by the cookie of their session."""

    prefix = "chat"
    send = "message.send"
    text = "body"
    items = "messages"
    events = ("message.created", "message.updated", "message.deleted")
    longest_pause_seconds = 1.0

    def __init__(
        self,
        servers: Sequence[str],
        room: str,
        session: str,
        *,
        shared: bool = False,
        silence_seconds: float = 5.0,
    ) -> None:
        topic = f"{self.prefix}:{room}"
        super().__init__(servers, topic, shared=shared, silence_seconds=silence_seconds)
        self.seen: list[tuple[str, str]] = []  # (author, client_id) as they first appeared
        self.seen_at: dict[str, float] = {}
        self.sent: list[str] = []
        self.acknowledged: dict[str, Json] = {}
        self.acknowledged_at: dict[str, float] = {}
        self.refusals: list[str] = []
        self.closes: list[tuple[float, int]] = []  # when, and with which code
        self._session = session
        self._prefix = f"{random.getrandbits(40):x}"

    @property
    def messages(self) -> dict[int, Json]:
        """The room as this client knows it, by `seq`."""
        return self.known

    @property
    def failed(self) -> bool:
        """Whether some of its work has come to an end before its time."""
        return any(task.done() for task in self._tasks)

    def say(self, body: str) -> str:
        """Put a message into the outbox; it is sent, and sent again, until it is acknowledged."""
        client_id = f"{self._prefix}-{len(self.sent)}"
        self.sent.append(client_id)
        self.post(self.send, client_id, **{self.text: body})
        return client_id

    def sender(self, item: Json) -> str:
        username: str = item["author"]["username"]
        return username

    async def request(self, kind: str, data: Json) -> Json:
        try:
            return await super().request(kind, data)
        except RefusedError as refusal:
            self.refusals.append(refusal.code)
            raise
        except TimeoutError:
            self.refusals.append("timeout")
            raise

    def _opening(self) -> connect:
        return opened(self.servers[0], self._path_now(), self._session)

    def closed(self, code: int) -> None:
        self.closes.append((monotonic(), code))

    def _start_over(self, frame: Json) -> None:
        """Forget the room and have all that is in it come as changes."""
        self.known.clear()
        self.cursor.start(0, frame["data"]["epoch"])
        self.cursor.see(frame["rev"])

    def _apply(self, item: Json) -> None:
        if item["seq"] not in self.known:
            self.seen.append((self.sender(item), item["client_id"]))
            self.seen_at[item["client_id"]] = monotonic()
        super()._apply(item)

    def _settle(self, client_id: str, result: Json | Exception) -> None:
        if isinstance(result, Exception):
            raise result
        super()._settle(client_id, result)
        self.acknowledged[client_id] = result
        self.acknowledged_at[client_id] = monotonic()
