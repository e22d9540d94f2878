"""Who may connect, and who no longer: told by the close code, over every process of a site."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from http.client import HTTPConnection
from time import time

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from tests.conversations import SETTLE_SECONDS, received, until
from tests.projects import Server
from tests.sites import LIMITS, Person, Site, lines, tail
from tests.tables import Table, shown_at_the_end
from tests.wire import PROTOCOL, Json, opened

PROMISED_SECONDS = 1.0
TICK_SECONDS = 1.0  # the engine looks this often whether the check is due
SLACK_SECONDS = 2.0  # on a busy machine

IN_A_SHELL = """
import json
from time import time
from django.contrib.sessions.models import Session
from django.utils import timezone
from accounts.models import User

sessions = Session.objects.filter(pk="{session}")
users = User.objects.filter(pk={id})
user = users.get()
{code}
print(json.dumps(time()))
"""

EXPIRED = """
import json
from django.contrib.sessions.models import Session
from django.utils import timezone
from accounts.models import User
from realtime.testing import session_key_of

key = session_key_of(User.objects.get(pk={id}))
Session.objects.filter(pk=key).update(expire_date=timezone.now())
print(json.dumps(key))
"""


@pytest.fixture(scope="module")
def endings(pytestconfig: pytest.Config) -> Table:
    columns = ("server", "what ends", "where", "closed with", "after, s")
    return shown_at_the_end(pytestconfig, Table("Sockets of another process", *columns))


@pytest.fixture(scope="module")
def unchecking(site: Site) -> Iterator[Server]:
    """A server that never looks at sign-ins of its own accord: it has to be told."""
    with site.serving(REALTIME=json.dumps(LIMITS | {"CHECK_SECONDS": 3_600})) as server:
        yield server


def test_who_may_not_connect_is_told_by_the_code(site: Site) -> None:
    server, person = site.pair()[0], site.people[0]
    expired = site.inside(EXPIRED.format(id=site.people[1].id))
    good = f"/ws/chat/{site.new_room()}/"
    cases: list[tuple[int, str, str | None, Json]] = [
        (4403, good, person.session, {"origin": "http://evil.example"}),
        (4403, good, person.session, {"origin": "null"}),
        (4403, good, person.session, {"origin": server.url.replace("http", "https")}),
        (4403, good, person.session, {"origin": None}),
        (4401, good, None, {}),
        (4401, good, "made-up", {}),
        (4401, good, expired, {}),
        (4401, good, person.session, {"protocols": (PROTOCOL, "ticket.made-up")}),
        (4409, good, person.session, {"protocols": ()}),
        (4409, good, person.session, {"protocols": ("graphql-ws",)}),
        (4404, "/nowhere/", person.session, {}),
        (4404, "/ws/chat/no-such-room/", person.session, {}),
        (4403, f"/ws/chat/{site.private_room}/", site.people[1].session, {}),
    ]

    async def scene() -> None:
        for code, path, session, options in cases:
            written = tail(server)
            async with opened(server.websocket_url, path, session, **options) as client:
                frames, closed_with = await everything(client)
            assert (closed_with, frames) == (code, []), (path, options)
            await until(lambda: lines(written()) == 1, "it is in the log")  # noqa: B023

    asyncio.run(scene())


def test_a_ticket_of_one_process_opens_one_socket_of_another(site: Site) -> None:
    one, two = site.pair()
    person = site.people[0]
    ticket = json.loads(post(one, "/api/realtime/ticket", person.session))["ticket"]
    offered = (PROTOCOL, f"ticket.{ticket}")

    async def scene() -> None:
        async with opened(two.websocket_url, "/ws/", origin=None, protocols=offered) as client:
            await client.send('{"id": "1", "type": "join", "topic": "chat"}')
            assert json.loads(await client.recv())["type"] == "ok"
        async with opened(one.websocket_url, "/ws/", origin=None, protocols=offered) as client:
            assert await everything(client) == ([], 4401)

    asyncio.run(scene())


def test_signing_out_closes_the_sockets_of_every_process(
    site: Site, unchecking: Server, endings: Table
) -> None:
    person = site.new_person()
    sign_out = lambda: post(site.pair()[0], "/accounts/logout/", person.session)  # noqa: E731
    codes, seconds = put_out(site, unchecking, person, sign_out)
    endings.add(site.kind, "the session, by signing out", "another process", codes[0], seconds)
    assert codes == (4401, 4401)
    assert seconds < PROMISED_SECONDS + SLACK_SECONDS


def test_a_removal_closes_the_room_in_every_process(
    site: Site, unchecking: Server, endings: Table
) -> None:
    person, room = site.new_person(), site.new_room()
    path = f"/rooms/{room}/{person.username}/remove/"
    remove = lambda: post(site.pair()[0], path, site.people[0].session)  # noqa: E731
    codes, seconds = put_out(site, unchecking, person, remove, room)
    endings.add(site.kind, "the membership, by removal", "another process", codes[0], seconds)
    assert codes == (4403, 4403)
    assert seconds < PROMISED_SECONDS + SLACK_SECONDS


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("deactivation", "user.is_active = False; user.save()"),
        ("a new password", "user.set_password('x'); user.save(update_fields=['password'])"),
    ],
    ids=["deactivation", "password"],
)
def test_a_sign_in_that_ends_in_a_shell_closes_the_sockets_of_every_process(
    site: Site, unchecking: Server, endings: Table, what: str, code: str
) -> None:
    person = site.new_person()
    script = IN_A_SHELL.format(id=person.id, session=person.session, code=code)
    codes, seconds = put_out(site, unchecking, person, lambda: site.inside(script))
    endings.add(site.kind, f"the sign-in, by {what}", "a shell", codes[0], seconds)
    assert codes == (4401, 4401)
    assert seconds < PROMISED_SECONDS + SLACK_SECONDS


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("expiry", "sessions.update(expire_date=timezone.now())"),
        ("update(is_active)", "users.update(is_active=False)"),
        ("update(password)", "users.update(password='x')"),
    ],
    ids=["expiry", "deactivation", "password"],
)
def test_a_sign_in_that_ends_unheard_closes_the_sockets_at_the_next_check(
    site: Site, endings: Table, what: str, code: str
) -> None:
    person = site.new_person()
    script = IN_A_SHELL.format(id=person.id, session=person.session, code=code)
    codes, seconds = put_out(site, site.pair()[1], person, lambda: site.inside(script))
    endings.add(site.kind, f"the sign-in, by {what}", "a shell, unheard", codes[0], seconds)
    assert codes == (4401, 4401)
    assert seconds < LIMITS["CHECK_SECONDS"] + TICK_SECONDS + SLACK_SECONDS


# Help


def put_out(
    site: Site,
    server: Server,
    person: Person,
    act: Callable[[], object],
    room: str | None = None,
) -> tuple[tuple[int | None, int | None], float]:
    """Let `act` end something for a person who has sockets on `server`.

    Returns the codes with which the socket of a room and the room on a shared socket ended there,
    and how many seconds after the act the last one did. Someone else there notices nothing.
    """
    room = room or site.new_room()
    url = server.websocket_url
    path = f"/ws/chat/{room}/"

    async def scene() -> tuple[tuple[int | None, int | None], float]:
        async with (
            opened(url, path, person.session) as own,
            opened(url, "/ws/", person.session) as shared,
            opened(url, path, site.people[1].session) as of_another,
        ):
            await shared.send(json.dumps({"id": "1", "type": "join", "topic": f"chat:{room}"}))
            for each in (own, shared, of_another):
                await received(each, "welcome")
            ends = [asyncio.create_task(end_of(each)) for each in (own, shared)]
            done_at = await asyncio.to_thread(act)
            done_at = done_at if isinstance(done_at, float) else time()
            (own_code, own_at), (shared_code, shared_at) = await asyncio.gather(*ends)
            await of_another.send('{"id": "1", "type": "typing"}')
            await received(of_another, "ok")
        return (own_code, shared_code), max(own_at, shared_at, done_at) - done_at

    return asyncio.run(scene())


async def end_of(client: ClientConnection) -> tuple[int | None, float]:
    """The code with which a socket, or the one topic that it has joined, ended; and when."""
    try:
        frame = await received(client, "left")
    except ConnectionClosed:
        return client.close_code, time()
    return frame["data"]["code"], time()


async def everything(client: ClientConnection) -> tuple[list[Json], int | None]:
    """What the server sends until it closes, and its close code."""
    frames: list[Json] = []
    async with asyncio.timeout(SETTLE_SECONDS):
        with suppress(ConnectionClosed):
            while True:
                frames.append(json.loads(await client.recv()))
    return frames, client.close_code


def post(server: Server, path: str, session: str) -> bytes:
    """Post an empty form as a browser that is signed in."""
    token = "x" * 32
    cookies = f"parlour_sessionid={session}; parlour_csrftoken={token}"
    headers = {"Cookie": cookies, "X-CSRFToken": token}
    connection = HTTPConnection("127.0.0.1", server.port, timeout=SETTLE_SECONDS)
    with closing(connection):
        connection.request("POST", path, headers=headers)
        response = connection.getresponse()
        assert response.status < 400, (response.status, response.read())
        return response.read()
