"""A bake over HTTP, with plain clients: frames without a WebSocket, and server-sent events."""

import asyncio
from itertools import cycle

import pytest

from tests.conversations import Conversation, until
from tests.over_http import HttpRoomClient, PollingRoomClient
from tests.projects import Server
from tests.sites import Site
from tests.tables import Table, shown_at_the_end
from tests.wire import RoomClient

KINDS: list[type[RoomClient]] = [HttpRoomClient, PollingRoomClient, RoomClient]
ANSWER_SECONDS = 20


class MixedConversation(Conversation):
    """By streams, by long polls and by WebSockets."""

    def __init__(self, site: Site, servers: list[Server]) -> None:
        kinds = cycle(KINDS)
        self.client = lambda *args, **options: next(kinds)(*args, **options)  # type: ignore[assignment]
        super().__init__(site, servers)


@pytest.fixture(scope="module")
def table(pytestconfig: pytest.Config) -> Table:
    columns = ("server", "event", "sent", "acknowledged", "seen", "lost", "doubled", "reordered")
    return shown_at_the_end(pytestconfig, Table("Over HTTP", *columns, "gap, s"))


def test_nothing_is_lost_or_doubled_while_processes_are_killed(site: Site, table: Table) -> None:
    one, two = site.pair()

    async def scene() -> None:
        async with MixedConversation(site, [one, two]) as talk:
            await talk.goes_on()
            for server in (one, two):
                server.kill()
                await talk.goes_on()
                await asyncio.to_thread(server.start)
                await talk.goes_on()
            outcome = await talk.settle()
        table.add(site.kind, "kill -9 of one process, then of the other", *outcome.cells)
        outcome.check()

    asyncio.run(scene())


def test_a_drain_ends_streams_and_polls_with_its_code(site: Site) -> None:
    room = site.new_room()

    async def scene(server: Server) -> None:
        clients = [
            kind([server.websocket_url], room, site.people[0].session)
            for kind in (HttpRoomClient, PollingRoomClient)
        ]
        async with clients[0], clients[1]:
            await until(lambda: all(each.joined for each in clients), "both joined")
            await asyncio.to_thread(server.stop)
            await until(lambda: all(each.closes for each in clients), "both are told")
        assert [each.closes[0][1] for each in clients] == [1012, 1012]

    with site.serving() as server:
        asyncio.run(scene(server))
        assert server.process
        assert server.process.returncode == 0, server.log
        assert "Traceback" not in server.log
