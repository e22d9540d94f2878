"""What clients may do to a server, by mistake or on purpose, and what that changes for others."""

import asyncio
import json
import random
import re
import resource
import select
import socket
import struct
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from http.client import HTTPConnection, HTTPResponse
from time import monotonic
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from tests.conversations import SETTLE_SECONDS, until
from tests.projects import Server
from tests.raw import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    TEXT,
    close_code,
    frame,
    frames_and_code,
    next_frame,
    next_reply,
    request,
    tcp,
    upgraded,
)
from tests.services import wait_for
from tests.sites import LIMITS, Site, lines, tail
from tests.tables import Table, shown_at_the_end
from tests.watch import MESSAGES, Watch, watching
from tests.wire import RoomClient

OPEN_FILES = 4_096
SILENT_CONNECTIONS = 2_000
TRIES = 20
LONG_BODY = "🐌" * 3_990  # 16 KB in a frame
SMALL_BUFFER = 4_096
OUTBOX_MIB = 1.0
PART_MIB = 0.1  # of a page that waits for its reader; the rest is in the kernel's buffers
SLACK_MIB = 12.0  # what a server gains by serving anybody
READING_MIB = 60.0  # by its first reading of long pages, with what is not yet collected of them
SLACK_SECONDS = 10.0  # on a busy machine

CLOSED_TOO_SLOW = 'realtime_closes_total{code="4008"}'
SOCKETS = "realtime_sockets"
OUTBOXES = "realtime_outbox_bytes"
FULLEST_OUTBOX = "realtime_outbox_most_bytes"

FILL = """
from accounts.models import User
from chat import actions
from chat.models import Room

room, author = Room.objects.get(slug="{room}"), User.objects.get(username="person0")
for user in User.objects.filter(username__in=[f"person{{n}}" for n in range(8)]):
    actions.enter(room, user)  # to resume makes a member of nobody
for batch in range({batches}):
    ids = [f"{{batch}}-{{n}}" for n in range(100)]
    actions.post_messages([actions.Draft(room, author.pk, each, "{body}") for each in ids])
"""


@pytest.fixture(scope="module")
def table() -> Table:
    memory = ("MiB before", "at most", "memory while it goes on")
    latency = ("others' ms before", "during", "worst")
    columns = ("server", "abuse", "answer", *memory, *latency, "log lines")
    return shown_at_the_end(Table("Abuse", *columns))


@pytest.fixture
def server(site: Site) -> Server:
    """A server to which nobody is connected."""
    server = site.pair()[0]
    wait_for(lambda: counted(server, SOCKETS) == 0, "an empty server")
    return server


@pytest.fixture(scope="module")
def strict(site: Site) -> Iterator[Server]:
    """A server with limits that a test reaches soon."""
    limits = json.dumps(LIMITS | {"IDLE_SECONDS": 2, "TOPICS_PER_SOCKET": 2})
    with site.serving(REALTIME=limits) as server:
        yield server


@pytest.fixture(scope="module", autouse=True)
def _many_files() -> Iterator[None]:
    """Let this process have as many connections as the tests open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, OPEN_FILES)), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# Readers


def test_one_who_never_reads_is_cut_off_and_holds_up_nobody(
    site: Site, server: Server, table: Table
) -> None:
    room = site.new_room()
    join = frame(json.dumps({"id": "1", "type": "join", "topic": f"chat:{room}"}).encode())
    written = tail(server)

    async def scene(stack: ExitStack) -> None:
        async with (
            watching(site, server) as watch,
            RoomClient([server.websocket_url], room, site.people[0].session) as one,
            RoomClient([server.websocket_url], room, site.people[1].session) as two,
        ):
            await until(lambda: one.joined and two.joined, "the talkers are there")
            paths = [f"/ws/chat/{room}/", "/ws/"] * 2
            deaf = [
                stack.enter_context(upgraded(server, path, person.session, SMALL_BUFFER))
                for path, person in zip(paths, site.people[2:], strict=False)
            ]
            for client in deaf[1::2]:
                client.sendall(join)
            before = await asyncio.to_thread(counted, server, CLOSED_TOO_SLOW)
            said = 0
            async with asyncio.timeout(SETTLE_SECONDS):
                while await asyncio.to_thread(counted, server, CLOSED_TOO_SLOW) < before + len(
                    deaf
                ):
                    if one.waiting + two.waiting < 20:
                        said += 2
                        one.say(LONG_BODY)
                        two.say(LONG_BODY)
                    await asyncio.sleep(0.02)
            # One who reads on at once learns why; the others are gone in a moment all the same.
            code = await asyncio.to_thread(close_code, deaf[0], SETTLE_SECONDS)
            await until(lambda: written().count("closed by 4008") == len(deaf), "all are gone")
            await until(lambda: not one.waiting + two.waiting, "the talkers are through")
            await until(lambda: len(one.messages) == said == len(two.messages), "and saw it all")
            log = written()
        row(table, site, "4 who never read", code, watch, log)
        assert code == 4008
        watch.check(mib=len(deaf) * OUTBOX_MIB + SLACK_MIB)
        assert lines(log) == len(deaf)

    with ExitStack() as stack:
        asyncio.run(scene(stack))


def test_one_who_resumes_and_never_reads_is_sent_no_more_than_fits(
    site: Site, server: Server, table: Table
) -> None:
    room = site.new_room()
    site.inside(FILL.format(room=room, body=LONG_BODY, batches=3))
    ((epoch,),) = site.rows(f"SELECT epoch FROM chat_room WHERE slug = '{room}'")
    path = f"/ws/chat/{room}/?since=0&epoch={epoch}"
    written = tail(server)

    def resume(stack: ExitStack) -> None:
        for person in site.people[:8]:
            stack.enter_context(upgraded(server, path, person.session, SMALL_BUFFER))
        served = 8 * PART_MIB * 2**20
        wait_for(lambda: counted(server, OUTBOXES) > served, "a part for each of them")

    async def scene(stack: ExitStack) -> None:
        async with watching(site, server) as watch:
            await asyncio.to_thread(resume, stack)
            later = 2 * len(watch.latencies) + MESSAGES  # serving them is work; keeping them is not
            await until(lambda: len(watch.latencies) > later, "measured while they are there")
            most_waiting = await asyncio.to_thread(counted, server, FULLEST_OUTBOX)
            log = written()
        row(table, site, "8 who resume and never read", "-", watch, log)
        assert 0 < most_waiting < OUTBOX_MIB * 2**20
        watch.check(mib=8 * OUTBOX_MIB + READING_MIB)
        assert lines(log) == 0

    with ExitStack() as stack:
        asyncio.run(scene(stack))


# Senders


def test_a_flood_is_refused_and_then_closed(site: Site, server: Server, table: Table) -> None:
    written = tail(server)
    typing = frame(b'{"id": "1", "type": "typing"}')

    async def scene(flooder: socket.socket) -> None:
        async with watching(site, server) as watch:
            flooder.sendall(typing * 1_000)
            frames, code = await asyncio.to_thread(frames_and_code, flooder, SETTLE_SECONDS)
            await until(lambda: lines(written()) == 1, "it is in the log")
        row(table, site, "a flood of frames", code, watch, written())
        refusals = [each["data"] for each in frames if each["type"] == "error"]
        assert [each["type"] for each in frames].count("ok") >= 100
        assert {each["code"] for each in refusals} == {"rate_limited"}
        assert all(each["retry_after"] > 0 for each in refusals)
        assert code == 4029
        watch.check(mib=SLACK_MIB)

    with upgraded(server, f"/ws/chat/{site.new_room()}/", site.people[0].session) as flooder:
        asyncio.run(scene(flooder))


@pytest.mark.parametrize(
    ("what", "start", "flood"),
    [
        ("pings, never read", b"", frame(b"x" * 125, PING) * 500),
        ("fragments", frame(b"{", final=False), frame(b"", CONTINUATION, final=False) * 5000),
        ("one-byte frames", b"", frame(b"{") * 5000),
    ],
    ids=["pings", "fragments", "bytes"],
)
def test_a_flood_of_what_is_no_message_is_closed(
    site: Site, server: Server, table: Table, what: str, start: bytes, flood: bytes
) -> None:
    written = tail(server)

    async def scene(flooder: socket.socket) -> None:
        async with watching(site, server) as watch:
            flooder.sendall(start)
            flooding = asyncio.create_task(asyncio.to_thread(send_until_closed, flooder, flood))
            await until(lambda: "closed by" in written(), "the server has closed it")
            log = written()
        flooder.shutdown(socket.SHUT_RDWR)
        await flooding
        row(table, site, f"a flood of {what}", logged_code(log), watch, log)
        assert logged_code(log) == 4029
        watch.check(mib=SLACK_MIB)
        assert lines(log) == 1

    with upgraded(server, "/ws/", site.people[0].session, SMALL_BUFFER) as flooder:
        asyncio.run(scene(flooder))


# Those who say little or nothing


def test_connections_that_say_nothing_are_closed(site: Site, server: Server, table: Table) -> None:
    written = tail(server)

    async def scene() -> None:
        async with watching(site, server) as watch:
            seconds = await asyncio.to_thread(silent_until_closed, server)
            log = written()
        answer = f"closed after {seconds:.1f} s"
        row(table, site, f"{SILENT_CONNECTIONS} silent connections", answer, watch, log)
        assert LIMITS["HANDSHAKE_SECONDS"] - 0.5 < seconds
        assert seconds < LIMITS["HANDSHAKE_SECONDS"] + SLACK_SECONDS
        watch.check(mib=SILENT_CONNECTIONS * 0.016 + SLACK_MIB)
        assert lines(log) == 0

    asyncio.run(scene())


def test_half_a_handshake_is_closed_however_slowly_it_goes_on(site: Site, server: Server) -> None:
    written = tail(server)
    began = monotonic()
    half = request(server, "/ws/", site.people[0].session)[:-2]
    with tcp(server) as slow, tcp(server) as slower, ThreadPoolExecutor() as pool:
        slow.sendall(half)
        slower.sendall(half)
        codes = list(
            pool.map(close_code, (slow, slower), [SETTLE_SECONDS] * 2, (b"X-Slow: yes\r\n", b"X"))
        )
    seconds = monotonic() - began
    assert codes == [1006, 1006]
    assert LIMITS["HANDSHAKE_SECONDS"] - 0.5 < seconds
    assert seconds < LIMITS["HANDSHAKE_SECONDS"] + SLACK_SECONDS
    assert lines(written()) <= 2


def test_a_header_too_large_is_closed(site: Site, server: Server) -> None:
    written = tail(server)
    with tcp(server) as client:
        handshake = request(server, "/ws/", site.people[0].session)
        with suppress(ConnectionError):
            client.sendall(handshake[:-2] + b"X-Large: " + b"x" * 60_000 + b"\r\n\r\n")
        assert close_code(client, SETTLE_SECONDS, drip=b"X") == 1006
    assert lines(written()) <= 1


def test_a_frame_that_never_ends_is_idleness(site: Site, strict: Server) -> None:
    written = tail(strict)
    with upgraded(strict, "/ws/", site.people[0].session) as client:
        client.sendall(frame(b"x" * 100)[:8])
        assert close_code(client, SETTLE_SECONDS, drip=b"x") == 1001
    wait_for(lambda: lines(written()) == 1, "a line in the log")


# Those who send what is no good


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (frame(b"{"), "invalid"),
        (frame(b'{"id": "7"}'), "invalid"),
        (frame(b'{"id": "7", "type": "read", "data": {"seq": "x"}}'), "invalid"),
        (frame(b'{"id": "7", "type": "read", "data": {"seq": 1, "more": 1}}'), "invalid"),
        (frame(b'{"id": "7", "type": "message.send", "data": ' + b"[" * 60_000), "invalid"),
        (frame(b"[" * 30_000 + b"]" * 30_000), "invalid"),
        (frame(b"x" * 65_536), "invalid"),  # the longest that is read
        (frame(b"\x00\xff", BINARY), "invalid"),
        (frame(b'{"id": "7", "type": "shout"}'), "unknown_type"),
        (frame(b'{"id": "7", "type": "typing", "topic": "chat:nowhere"}'), "not_found"),
        (
            frame(b'{"id": "7", "type": "message.edit", "data": {"seq": 9, "body": "x"}}'),
            "not_found",
        ),
    ],
)
def test_a_bad_frame_is_answered_and_the_socket_stays(
    site: Site, server: Server, content: bytes, code: str
) -> None:
    written = tail(server)
    with upgraded(server, f"/ws/chat/{site.new_room()}/", site.people[0].session) as client:
        client.sendall(content)
        assert next_reply(client)["data"]["code"] == code
        client.sendall(frame(b'{"id": "8", "type": "typing"}'))
        assert next_reply(client)["type"] == "ok"
    assert lines(written()) == 0


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (frame(b"x" * 2**20), 1009),
        (frame(b"x" * 65_537), 1009),
        (frame(b"x" * 40_000, final=False) + frame(b"x" * 40_000, CONTINUATION), 1009),
        (b"\x81\xff" + (2**62).to_bytes(8, "big") + b"\0\0\0\0", 1009),
        (frame(b"\xff\xfe"), 1007),
        (b"\x81\x02hi", 1002),
        (frame(b"", 0x3), 1002),
    ],
)
def test_a_frame_that_breaks_the_protocol_closes(
    site: Site, server: Server, content: bytes, code: int
) -> None:
    written = tail(server)
    with upgraded(server, "/ws/", site.people[0].session) as client:
        with suppress(ConnectionError):
            client.sendall(content)
        assert close_code(client, SETTLE_SECONDS) == code
    wait_for(lambda: "closed by" in written(), "a line in the log")
    assert lines(written()) <= 1


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (frame(b"x" * 2**19), 1009),
        (frame(b"x" * 65_537) * 5, 1009),
        (frame(b"\xff\xfe") + frame(b"x" * 60_000) * 5, 1007),
        (b"\x81\x02hi" + frame(b"x" * 60_000) * 5, 1002),
        (frame(b'{"id": "1", "type": "typing"}') * 8_000, 4029),
    ],
    ids=["one too big", "many too big", "not UTF-8", "not masked", "too many"],
)
def test_the_close_reaches_a_client_that_goes_on_sending(
    site: Site, server: Server, content: bytes, code: int
) -> None:
    """A reset would overtake the close, and the client come back with the same."""
    for number in range(TRIES):
        person = site.people[number % len(site.people)]
        with upgraded(server, "/ws/chat/", person.session) as client:
            with suppress(BrokenPipeError):  # it may have hung up; a reset is another error
                client.sendall(content)
            assert close_code(client, SETTLE_SECONDS) == code
            assert client.recv(1) == b""  # the end, and no reset


@pytest.mark.parametrize("end", ["close", "half close", "reset"])
@pytest.mark.parametrize("path", ["/ws/", "/ws/presence/"])
def test_no_one_stays_who_joins_again_as_they_go(
    site: Site, server: Server, path: str, end: str
) -> None:
    """More of them than a person may have at once."""
    joins = b"".join(
        frame(json.dumps({"id": topic, "type": "join", "topic": topic}).encode())
        for topic in ("presence", "chat")
    )
    person, other = site.people[:2]
    room = f"/ws/chat/{site.new_room()}/"
    for each in (person, other):  # who share a room may see whether the other is online
        with upgraded(server, room, each.session) as client:
            assert next_frame(client)["type"] == "welcome"
    for _ in range(25):
        with upgraded(server, path, person.session) as client:
            client.sendall(joins)
            assert next_reply(client)["type"] in ("ok", "error")
            if end == "close":
                client.sendall(joins + frame(b"\x03\xe8", CLOSE))
            else:
                client.sendall(joins)
                go(client, end)
    wait_for(lambda: counted(server, SOCKETS) == 0, "nobody is left")
    ask = json.dumps({"id": "1", "type": "people", "data": {"ids": [person.id]}}).encode()

    def is_offline() -> bool:
        with upgraded(server, "/ws/presence/", other.session) as client:
            client.sendall(frame(ask))
            people = next_reply(client)["data"]["people"]
        return [each["state"] for each in people] == ["offline"]

    wait_for(is_offline, "nobody is online any more")


@pytest.mark.parametrize("seed", range(3))
def test_whatever_comes_leaves_no_trace_and_holds_up_nobody(
    site: Site, server: Server, seed: int
) -> None:
    chance = random.Random(seed)
    written = tail(server)
    paths = ["/ws/", "/ws/", "/ws/chat/", f"/ws/chat/{site.new_room()}/", "/ws/presence/"]
    with upgraded(server, "/ws/", site.people[-1].session) as other:
        other.sendall(frame(b'{"id": "1", "type": "join", "topic": "chat"}'))
        assert next_reply(other)["type"] == "ok"
        for number in range(150):
            person = site.people[number % (len(site.people) - 1)]
            with upgraded(server, chance.choice(paths), person.session) as client:
                with suppress(ConnectionError):
                    for _ in range(chance.randrange(8)):
                        client.sendall(anything(chance))
                go(client, chance.choice(["half close", "reset", "hang up"]))
            if number % 10 == 0:
                other.sendall(frame(b'{"id": "1", "type": "leave", "topic": "nowhere"}'))
                assert next_reply(other)["data"]["code"] == "not_found"
    wait_for(lambda: counted(server, SOCKETS) == 0, "nobody is left")
    assert "Traceback" not in written()


def test_one_socket_more_than_a_person_may_have_is_refused(site: Site, server: Server) -> None:
    written = tail(server)
    with ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(upgraded(server, "/ws/", site.people[0].session))
        wait_for(lambda: counted(server, SOCKETS) >= 20, "twenty sockets")
        with upgraded(server, "/ws/", site.people[0].session) as another:
            assert close_code(another, SETTLE_SECONDS) == 4029
        wait_for(lambda: lines(written()) == 1, "a line in the log")
        with upgraded(server, "/ws/", site.people[1].session) as of_another:
            of_another.sendall(frame(b'{"id": "1", "type": "join", "topic": "chat"}'))
            assert next_reply(of_another)["type"] == "ok"


def test_many_requests_at_once_get_no_more_than_one_after_the_other(
    site: Site, server: Server
) -> None:
    """Two processes, forty requests at the same moment, and a budget of thirty."""
    person = site.new_person()

    def make_room(number: int) -> tuple[int, int]:
        form = urlencode({"name": f"Room {number}", "kind": "public"})
        response = posted(site.pair()[number % 2], "/rooms/new/", person.session, form)
        return response.status, int(response.headers["Retry-After"] or 0)

    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(make_room, range(40)))

    assert Counter(status for status, _ in answers) == {302: 30, 429: 10}
    assert {0 < wait <= 120 for status, wait in answers if status == 429} == {True}
    assert site.rows(f"SELECT COUNT(*) FROM chat_room WHERE created_by_id = {person.id}") == [
        ["30"]
    ]


def test_one_topic_more_than_a_socket_may_join_is_refused(site: Site, strict: Server) -> None:
    written = tail(strict)
    with upgraded(strict, "/ws/", site.people[0].session) as client:
        for topic, answer in (("chat", "ok"), ("presence", "ok"), ("notifications", "error")):
            client.sendall(frame(json.dumps({"id": "1", "type": "join", "topic": topic}).encode()))
            reply = next_reply(client)
            assert (reply["topic"], reply["type"]) == (topic, answer)
        assert reply["data"]["code"] == "too_large"
        client.sendall(frame(b'{"id": "2", "type": "leave", "topic": "chat"}'))
        assert next_reply(client)["type"] == "ok"
        client.sendall(frame(b'{"id": "3", "type": "join", "topic": "notifications"}'))
        assert next_reply(client)["type"] == "ok"
    assert lines(written()) == 0


# Help


def anything(chance: random.Random) -> bytes:
    """A frame that is good, nearly good, or none."""
    topics = ["chat", "presence", "notifications", "chat:room-0", "chat/room-0", "", None, 7]
    kinds = ["join", "leave", "read", "typing", "message.send", "state", "rooms", "list", "", 1]
    values: list[object] = [
        None,
        -1,
        2**70,
        1e308,
        "x" * 300,
        "\x00",
        "\ud800",
        [],
        {},
        [[[]]],
        True,
    ]
    names = ["since", "epoch", "seq", "body", "client_id", "state", "limit", "before", "\udfff"]
    data = {chance.choice(names): chance.choice(values) for _ in range(chance.randrange(4))}
    content = {
        "id": chance.choice(["1", "1", None, 1, "i" * 65]),
        "topic": chance.choice(topics),
        "type": chance.choice(kinds),
        "data": chance.choice([data, data, data, *values]),
    }
    text = json.dumps(content).encode()
    opcode = chance.choice([TEXT] * 8 + [CONTINUATION, BINARY, PING, CLOSE, 0x3, 0xB])
    if opcode >= CLOSE:
        text = text[: chance.choice([0, 1, 2, 125])]
    whole = bytearray(frame(text, opcode, final=chance.random() < 0.9))
    match chance.randrange(8):
        case 0:
            whole[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        case 1:
            del whole[chance.randrange(len(whole)) :]
        case 2:
            return chance.randbytes(chance.choice([1, 10, 1_000, 100_000]))
    return bytes(whole)


def go(client: socket.socket, how: str) -> None:
    """Let a client leave without a word."""
    with suppress(OSError):
        if how == "half close":
            client.shutdown(socket.SHUT_WR)
        elif how == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()


def posted(server: Server, path: str, session: str, form: str) -> HTTPResponse:
    """Post a form as a browser that is signed in."""
    token = "x" * 32
    headers = {
        "Cookie": f"parlour_sessionid={session}; parlour_csrftoken={token}",
        "X-CSRFToken": token,
        "Content-Type": "application/x-www-form-urlencoded",
    }
    connection = HTTPConnection("127.0.0.1", server.port, timeout=SETTLE_SECONDS)
    with closing(connection):
        connection.request("POST", path, form, headers)
        response = connection.getresponse()
        response.read()
        return response


def send_until_closed(client: socket.socket, data: bytes) -> None:
    client.settimeout(SETTLE_SECONDS)
    with suppress(ConnectionError):
        while True:
            client.sendall(data)


def silent_until_closed(server: Server) -> float:
    """Open many connections and say nothing; the seconds until the server has closed the last."""
    with ExitStack() as stack:
        began = monotonic()
        waiting = {
            client.fileno()
            for client in (stack.enter_context(tcp(server)) for _ in range(SILENT_CONNECTIONS))
        }
        poll = select.poll()
        for number in waiting:
            poll.register(number, select.POLLIN)
        while waiting:
            assert monotonic() < began + SETTLE_SECONDS, f"{len(waiting)} are still open"
            for number, _ in poll.poll(1_000):
                poll.unregister(number)
                waiting.discard(number)
        return monotonic() - began


def counted(server: Server, name: str) -> float:
    """One of the numbers that the server gives to Prometheus; 0 where it has not yet counted."""
    with urlopen(f"{server.url}/metrics", timeout=SETTLE_SECONDS) as response:
        text = response.read().decode()
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def logged_code(log: str) -> int:
    found = re.search(r"closed by (\d+)", log)
    return int(found[1]) if found else 1006


def row(table: Table, site: Site, abuse: str, answer: object, watch: Watch, log: str) -> None:
    table.add(site.kind, abuse, answer, *watch.cells, lines(log))
