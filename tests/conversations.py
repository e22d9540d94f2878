"""People who talk in one room over several server processes, and what became of their words."""

import asyncio
import json
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from itertools import pairwise
from time import monotonic
from types import TracebackType
from typing import Self

from websockets.asyncio.client import ClientConnection

from tests.projects import Server
from tests.sites import Site
from tests.wire import Json, RoomClient

PAUSE_SECONDS = 0.05  # within the twenty frames a second that a socket may send
WAITING = 3
SETTLE_SECONDS = 60.0  # on a busy machine; it takes a fraction of a second otherwise

Id = tuple[str, str]  # (author, client_id)


async def until(
    condition: Callable[[], bool], what: str | Callable[[], str], seconds: float = SETTLE_SECONDS
) -> None:
    """Wait for a condition.

    Raises:
        AssertionError: it did not come true in time; says what was waited for.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 (nothing tells when it comes true)
                await asyncio.sleep(0.01)
            return
    raise AssertionError(f"not in {seconds} s: {what if isinstance(what, str) else what()}")


async def received(client: ClientConnection, kind: str) -> Json:
    """The next frame of that type."""
    async with asyncio.timeout(SETTLE_SECONDS):
        while True:
            frame: Json = json.loads(await client.recv())
            if frame["type"] == kind:
                return frame


@dataclass(frozen=True)
class Outcome:
    """What became of a conversation, against the rows of the database."""

    sent: int
    acknowledged: int
    seen: int  # by the one who saw least
    lost: int  # acknowledged and not stored, or stored and not seen by somebody
    doubled: int
    reordered: int
    longest_gap: float  # seconds from the acknowledgement until the last one saw it

    @property
    def cells(self) -> tuple[object, ...]:
        return (
            self.sent,
            self.acknowledged,
            self.seen,
            self.lost,
            self.doubled,
            self.reordered,
            self.longest_gap,
        )

    def check(self) -> None:
        assert self.sent > 0
        assert (self.acknowledged, self.seen) == (self.sent, self.sent), self
        assert (self.lost, self.doubled, self.reordered) == (0, 0, 0), self


class Conversation:
    """Everybody says something all the time, from when it is entered until `settle`.

    Half of the people begin on the first server and half on the last; every other one has a socket
    for the room alone, and the rest share `/ws/`.

    Args:
        silences: after how many seconds of silence each gives a server up; the last holds for the
            rest of them.
    """

    client = RoomClient
    stored = (
        "SELECT seq, username, m.client_id FROM chat_message m"
        " JOIN chat_room r ON r.id = m.room_id JOIN accounts_user u ON u.id = m.author_id"
        " WHERE slug = '{}' ORDER BY seq"
    )

    def __init__(
        self,
        site: Site,
        servers: Sequence[Server],
        silences: Sequence[float] = (5,),
        people: int = 6,
    ) -> None:
        self.site = site
        self.room = self.new_feed()
        urls = [server.websocket_url for server in servers]
        self.clients = [
            self.client(
                urls if n < people / 2 else urls[::-1],
                self.room,
                site.people[n].session,
                shared=n % 2 == 1,
                silence_seconds=silences[min(n, len(silences) - 1)],
            )
            for n in range(people)
        ]
        self._stack = AsyncExitStack()
        self._talking: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        for client in self.clients:
            await self._stack.enter_async_context(client)
        await until(lambda: all(client.joined for client in self.clients), "everybody joined")
        self._talking = [asyncio.create_task(_talk(client)) for client in self.clients]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stop_talking()
        await self._stack.__aexit__(kind, error, trace)

    def new_feed(self) -> str:
        """The key of a feed in which nothing is."""
        return self.site.new_room()

    def on(self, server: Server) -> list[RoomClient]:
        """Those who are connected to this server now."""
        return [client for client in self.clients if client.server == server.websocket_url]

    async def goes_on(
        self, messages: int = 10, clients: Sequence[RoomClient] | None = None
    ) -> None:
        """Wait until so many more messages of each of `clients`, or of all, are acknowledged."""
        watched = self.clients if clients is None else clients
        goals = [(client, len(client.acknowledged) + messages) for client in watched]
        await until(
            lambda: all(len(client.acknowledged) >= goal for client, goal in goals),
            lambda: f"{messages} more from everybody; {self.state()}",
        )

    async def settle(self) -> Outcome:
        """Let everybody fall silent and catch up, and count."""
        await self._stop_talking()
        await until(
            lambda: not any(client.waiting for client in self.clients),
            lambda: f"all acknowledged; {self.state()}",
        )
        stored = self._stored()
        await until(
            lambda: all(client.cursor.rev == len(stored) for client in self.clients),
            lambda: f"all seen, {len(stored)}; {self.state()}",
        )
        return self._outcome(stored)

    def state(self) -> str:
        return "; ".join(
            f"{len(client.acknowledged)}/{len(client.sent)} acknowledged, "
            f"at {client.cursor.rev} of {client.cursor.head}, {client.server or 'away'}, closes "
            f"{[code for _, code in client.closes]}, refusals {sorted(set(client.refusals))}"
            for client in self.clients
        )

    async def _stop_talking(self) -> None:
        for task in self._talking:
            task.cancel()
        await asyncio.gather(*self._talking, return_exceptions=True)

    def _stored(self) -> list[Id]:
        rows = self.site.rows(self.stored.format(self.room))
        assert [int(row[0]) for row in rows] == list(range(1, len(rows) + 1)), "a number is missing"
        return [(row[1], row[2]) for row in rows]

    def _outcome(self, stored: list[Id]) -> Outcome:
        place = {each: n for n, each in enumerate(stored)}
        stored_ids = {client_id for _, client_id in stored}
        lost = doubled = reordered = 0
        gap = 0.0
        doubled += len(stored) - len(place)
        for client in self.clients:
            lost += len(client.acknowledged.keys() - stored_ids)
            lost += len(place.keys() - set(client.seen))
            doubled += len(client.seen) - len(set(client.seen))
            reordered += _steps_back([place[each] for each in client.seen])
            mine = [client_id for _, client_id in stored if client_id in client.acknowledged]
            reordered += _steps_back([client.sent.index(client_id) for client_id in mine])
            for sender in self.clients:
                for client_id, at in sender.acknowledged_at.items():
                    gap = max(gap, client.seen_at.get(client_id, monotonic()) - at)
        return Outcome(
            sent=sum(len(client.sent) for client in self.clients),
            acknowledged=sum(len(client.acknowledged) for client in self.clients),
            seen=min(len(set(client.seen)) for client in self.clients),
            lost=lost,
            doubled=doubled,
            reordered=reordered,
            longest_gap=gap,
        )


async def _talk(client: RoomClient) -> None:
    while True:
        if client.waiting < WAITING:
            client.say(f"message {len(client.sent)}")
        await asyncio.sleep(PAUSE_SECONDS)


def _steps_back(places: Sequence[int]) -> int:
    return sum(after < before for before, after in pairwise(places))
