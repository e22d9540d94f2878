"""Processes of one site over Redis and PostgreSQL, and what may befall them."""

import asyncio
import os
import random
import signal
import socket
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager, suppress
from time import monotonic
from urllib.parse import quote

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, WebSocketException

from tests.conversations import SETTLE_SECONDS, Conversation, until
from tests.machine import alive, workers
from tests.projects import Server, run
from tests.raw import request, tcp, upgraded
from tests.sites import Site, tail
from tests.tables import Table, shown_at_the_end
from tests.wire import opened

OUTAGE_SECONDS = 4.0
GRACE_SECONDS = 10.0  # what containers are given to stop, by default
LOCKED_SECONDS = 0.2
KNOCK_SECONDS = 0.05
IDLE_IN_TRANSACTION = "-c idle_in_transaction_session_timeout=3s"


@pytest.fixture(scope="module")
def table() -> Table:
    columns = ("server", "what happens", "sent", "acknowledged", "seen by all")
    rest = ("lost", "doubled", "reordered", "longest gap, s")
    return shown_at_the_end(Table("Processes", *columns, *rest))


class Stage:
    """What a scene here has: two servers, people who talk over them, and a row in the table."""

    def __init__(self, site: Site, table: Table, servers: Sequence[Server]) -> None:
        self.site = site
        self.table = table
        self.servers = servers
        self.one, self.two = servers[0], servers[-1]

    @asynccontextmanager
    async def conversation(
        self, event: str, silences: Sequence[float] = (5,)
    ) -> AsyncIterator[Conversation]:
        """People talk while the body lets something happen; afterwards nothing may be missing."""
        async with Conversation(self.site, self.servers, silences) as talk:
            await talk.goes_on()
            yield talk
            await talk.goes_on()
            outcome = await talk.settle()
        self.table.add(self.site.kind, event, *outcome.cells)
        outcome.check()


@pytest.fixture
def stage(site: Site, table: Table) -> Stage:
    return Stage(site, table, site.pair())


def act(scene: Coroutine[None, None, None]) -> None:
    asyncio.run(scene)


def pid_of(server: Server) -> int:
    assert server.process is not None
    return server.process.pid


def test_everything_sent_is_seen_once_in_order_by_all(stage: Stage) -> None:
    async def scene() -> None:
        async with stage.conversation("nothing") as talk:
            assert len(talk.on(stage.one)) == len(talk.on(stage.two)) == 3

    act(scene())


def test_clients_of_a_killed_process_resume_on_the_other(stage: Stage) -> None:
    async def scene() -> None:
        async with stage.conversation("kill -9 of one process") as talk:
            stage.one.kill()
            await until(lambda: len(talk.on(stage.two)) == 6, "everybody on the other process")

    act(scene())


def test_a_killed_process_comes_back_and_the_other_is_killed(stage: Stage) -> None:
    async def scene() -> None:
        async with stage.conversation("kill -9 of one, then the other") as talk:
            stage.one.kill()
            await until(lambda: len(talk.on(stage.two)) == 6, "everybody moved")
            await asyncio.to_thread(stage.one.start)
            stage.two.kill()
            await until(lambda: len(talk.on(stage.one)) == 6, "everybody moved back")

    act(scene())


def test_redis_restarts_without_a_loss(stage: Stage) -> None:
    async def scene() -> None:
        async with stage.conversation("Redis restarted"):
            await asyncio.to_thread(stage.site.redis.restart)

    act(scene())


def test_redis_is_gone_for_a_while_without_a_loss(stage: Stage) -> None:
    async def scene() -> None:
        async with stage.conversation(f"Redis gone for {OUTAGE_SECONDS:.0f} s") as talk:
            back_at = monotonic() + OUTAGE_SECONDS
            stage.site.redis.kill()
            await talk.goes_on()  # messages are taken all the time
            await until(lambda: monotonic() > back_at, "the outage lasted")
            await asyncio.to_thread(stage.site.redis.start)

    act(scene())


def test_redis_is_flushed_without_a_loss(stage: Stage) -> None:
    async def scene() -> None:
        async with stage.conversation("FLUSHALL"):
            redis_command(stage.site.redis.port, "FLUSHALL")

    act(scene())


def test_a_frozen_process_thaws_without_a_loss(stage: Stage) -> None:
    """Some of its clients give it up and move; others wait for it, and are told of the gap."""

    async def scene() -> None:
        event = "SIGSTOP of one process, SIGCONT"
        async with stage.conversation(event, silences=(SETTLE_SECONDS, 8)) as talk:
            patient, *others = talk.clients
            assert patient in talk.on(stage.one)
            with frozen(stage.one):
                await until(lambda: set(talk.on(stage.two)) == set(others), "the others moved")
            await talk.goes_on(clients=[patient])
            assert talk.on(stage.one) == [patient]

    act(scene())


def test_a_process_frozen_in_a_transaction_does_not_hold_the_room_up_for_good(
    site: Site, table: Table
) -> None:
    """PostgreSQL ends the transaction, where it is told to, and with it the row lock."""

    async def scene(stage: Stage) -> None:
        event = "SIGSTOP within a transaction, SIGCONT"
        async with (
            stage.conversation(event, silences=(3,)) as talk,
            frozen_in_transaction(site, stage.one),
        ):
            await until(lambda: len(talk.on(stage.two)) == 6, "everybody moved")
            await talk.goes_on()

    url = f"{site.environment['DATABASE_URL']}?options={quote(IDLE_IN_TRANSACTION)}"
    with site.serving(DATABASE_URL=url) as one, site.serving(DATABASE_URL=url) as two:
        act(scene(Stage(site, table, [one, two])))


def test_sigterm_drains(stage: Stage) -> None:
    """New sockets are turned away, open ones closed with 1012; then exit 0."""

    async def scene() -> None:
        written = tail(stage.one)
        people = stage.site.people[6:]
        async with stage.conversation("SIGTERM of one process") as talk, AsyncExitStack() as stack:
            idle = [
                await stack.enter_async_context(opened(stage.one.websocket_url, "/ws/", session))
                for session in [person.session for person in people] * 5
            ]
            knocking = [
                asyncio.create_task(knock_until_refused(stage.one, person.session))
                for person in people
            ]
            closing = [asyncio.create_task(closed(socket)) for socket in idle]
            status, seconds = await terminated(stage.one)
            closes = await asyncio.gather(*closing)
            assert set().union(*await asyncio.gather(*knocking)) <= {1012}
            assert set(closes) == {1012}
            assert (status, seconds < GRACE_SECONDS) == (0, True), seconds
            await until(lambda: len(talk.on(stage.two)) == 6, "everybody on the other process")
        assert "Traceback" not in written()

    act(scene())


def test_sigterm_waits_for_nobody_for_ever(site: Site) -> None:
    """Not for who takes no notice of being closed, nor for who has not finished to ask."""
    with site.serving() as server, ExitStack() as stack:
        session = site.people[0].session
        for client in (tcp(server), tcp(server), upgraded(server, "/ws/", session)):
            stack.enter_context(client)
        half_asked = stack.enter_context(tcp(server))
        half_asked.sendall(request(server, "/ws/", session)[:-8])
        posting = stack.enter_context(tcp(server))
        posting.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n")
        status, seconds = asyncio.run(terminated(server))
        assert (status, seconds < GRACE_SECONDS) == (0, True), seconds


def test_a_killed_worker_is_replaced(site: Site, table: Table) -> None:
    async def scene(server: Server) -> None:
        event = "kill -9 of a worker under the supervisor"
        async with Stage(site, table, [server]).conversation(event) as talk:
            first, second = workers(pid_of(server))
            os.kill(first, signal.SIGKILL)
            await until(lambda: len(workers(pid_of(server))) == 2, "there are two workers again")
            assert second in workers(pid_of(server))
            assert first not in workers(pid_of(server))
            await until(lambda: len(talk.on(server)) == 6, "everybody is back")
        status, _ = await terminated(server)
        assert status == 0

    with site.serving(WEB_CONCURRENCY="2") as server:
        act(scene(server))
        # The console also shows the mail to the owner about it.
        log = [line for line in server.log.splitlines() if line.startswith("{")]
        assert len([line for line in log if "A worker died" in line]) == 1
        assert not [line for line in log if "Traceback" in line]


def test_a_killed_supervisor_leaves_no_orphan(site: Site) -> None:
    async def scene(server: Server) -> None:
        pids = workers(pid_of(server))
        assert len(pids) == 2
        os.kill(pid_of(server), signal.SIGKILL)
        await until(lambda: not any(alive(pid) for pid in pids), "the workers have ended")
        assert not server.responds()

    with site.serving(WEB_CONCURRENCY="2") as server:
        act(scene(server))


def test_a_port_in_use_is_told_in_one_line(site: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        serve = ["manage.py", "serve", "--port", str(port)]
        done = run([site.python, *serve], site.project, **site.environment)
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 1
    assert f"127.0.0.1:{port}" in done.stdout


@contextmanager
def frozen(server: Server) -> Iterator[None]:
    os.kill(pid_of(server), signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid_of(server), signal.SIGCONT)


@asynccontextmanager
async def frozen_in_transaction(site: Site, server: Server) -> AsyncIterator[None]:
    """Freeze a server while it holds a lock that others wait for, however often that is tried."""
    waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    for _ in range(200):
        await asyncio.sleep(random.uniform(0, 0.1))
        with frozen(server):
            await asyncio.sleep(LOCKED_SECONDS)  # a lock of one who is not frozen is gone by then
            if site.rows(waiting):
                yield
                return
    raise AssertionError("the server was never in a transaction")


def redis_command(port: int, line: str) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as redis:
        redis.sendall(f"{line}\r\n".encode())
        assert redis.recv(64).startswith(b"+OK")


async def closed(socket: ClientConnection) -> int | None:
    """Wait until the server has closed a socket; the code."""
    async with asyncio.timeout(SETTLE_SECONDS):
        with suppress(ConnectionClosed):
            while True:
                await socket.recv()
    return socket.close_code


async def terminated(server: Server) -> tuple[int, float]:
    """Send SIGTERM; the exit status, and after how many seconds it came."""
    began = monotonic()
    assert server.process is not None
    server.process.send_signal(signal.SIGTERM)
    status = await asyncio.to_thread(server.process.wait, SETTLE_SECONDS)
    return status, monotonic() - began


async def knock_until_refused(server: Server, session: str) -> set[int | None]:
    """Open one socket after the other until nothing listens; the codes that they closed with.

    Each stays for a moment and leaves, so that they never are more than a person may have.
    """
    codes: set[int | None] = set()
    while True:
        try:
            async with opened(server.websocket_url, "/ws/", session) as knocking:
                with suppress(TimeoutError):
                    async with asyncio.timeout(KNOCK_SECONDS):
                        codes.add(await closed(knocking))
        except (OSError, WebSocketException):
            return codes
