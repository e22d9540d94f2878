"""Who may connect, and who no longer: told by the close code, over every process of a site."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, closing, suppress
from dataclasses import replace
from http.client import HTTPConnection
from time import time
from typing import Self

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from tests.conversations import SETTLE_SECONDS, received, until
from tests.projects import Server
from tests.raw import close_code, frame, upgraded
from tests.services import free_port
from tests.sites import LIMITS, Person, Site, lines, tail
from tests.tables import Table, shown_at_the_end
from tests.wire import PROTOCOL, Json, opened

PROMISED_SECONDS = 1.0
TICK_SECONDS = 1.0  # the engine looks this often whether the check is due
SLACK_SECONDS = 8.0  # on a busy machine
AWAY_SECONDS = 4.0
BACK_SECONDS = 10.0  # until a process has found Redis again: 5 between two tries, 3 for an echo
TRIES = 3

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
def endings() -> Table:
    columns = ("server", "what ends", "where", "closed with", "after, s")
    return shown_at_the_end(Table("Sockets of another process", *columns))


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


def test_signing_out_reaches_a_client_in_the_middle_of_a_frame(site: Site) -> None:
    person = site.new_person()
    with upgraded(site.pair()[1], "/ws/chat/", person.session) as client:
        client.sendall(frame(b"x" * 60_000)[:1_000])
        post(site.pair()[0], "/accounts/logout/", person.session)
        assert close_code(client, SETTLE_SECONDS, drip=b"x" * 100) == 4401


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


# What the layer has lost


ADMIT = """
from accounts.models import User
from chat import actions
from chat.models import Room

room = Room.objects.get(slug="{room}")
for user in User.objects.filter(pk__in={ids}):
    actions.invite(room, room.memberships.get(role="owner").user, user)
    actions.accept_invitation(room, user)
"""

TAKE_AND_GIVE = """
from accounts.models import User
from chat import actions
from chat.models import Room

owner, user = User.objects.get(username="person0"), User.objects.get(pk={id})
actions.remove_member(Room.objects.get(slug="{room}"), owner, user)
actions.start_direct(owner, user)
"""


def test_what_redis_loses_while_it_is_away_is_made_up_for_when_it_is_back(
    site: Site, unchecking: Server, endings: Table
) -> None:
    """A removal and a new direct room, on another process, while there is no Redis.

    The other process may be killed with what it has not sent.
    """
    owner, room = site.people[0], site.private_room
    people = [site.new_person() for _ in range(TRIES)]
    site.inside(ADMIT.format(room=room, ids=[person.id for person in people]) + "\nprint(0)")

    async def scene(person: Person, *, kill: bool) -> float:
        another = site.pair()[0]
        async with Listener(unchecking.websocket_url, room, person.session) as listener:
            site.redis.kill()
            await asyncio.to_thread(
                post, another, f"/rooms/{room}/{person.username}/remove/", owner.session
            )
            await asyncio.to_thread(post, another, f"/direct/{person.username}/", owner.session)
            if kill:
                another.kill()
            await asyncio.sleep(AWAY_SECONDS)
            await asyncio.to_thread(site.redis.start)
            return await listener.heals(lambda: say(unchecking, room, owner))

    for number, person in enumerate(people):
        seconds = asyncio.run(scene(person, kill=number % 2 == 0))
        endings.add(site.kind, "a removal while Redis is away", "another process", 4403, seconds)
        assert seconds < BACK_SECONDS + SLACK_SECONDS


def test_what_is_lost_unnoticed_is_made_up_for_at_the_next_check(
    site: Site, endings: Table
) -> None:
    """A removal in a shell that reaches no Redis: the servers see no gap."""
    owner, room, person = site.people[0], site.private_room, site.new_person()
    site.inside(ADMIT.format(room=room, ids=[person.id]) + "\nprint(0)")
    server = site.pair()[1]
    apart = replace(
        site, environment=site.environment | {"REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"}
    )

    async def scene() -> float:
        async with Listener(server.websocket_url, room, person.session) as listener:
            code = TAKE_AND_GIVE.format(room=room, id=person.id)
            await asyncio.to_thread(apart.inside, code + "\nprint(0)")
            return await listener.heals(lambda: say(server, room, owner))

    seconds = asyncio.run(scene())
    endings.add(site.kind, "a removal that is lost", "a shell, unheard", 4403, seconds)
    assert seconds < LIMITS["CHECK_SECONDS"] + TICK_SECONDS + SLACK_SECONDS


class Listener:
    """Someone in a room over a socket of its own, and over a shared one with an inbox."""

    def __init__(self, url: str, room: str, session: str) -> None:
        self._topic = f"chat:{room}"
        self._stack = AsyncExitStack()
        self._own = opened(url, f"/ws/chat/{room}/", session)
        self._shared = opened(url, "/ws/", session)

    async def __aenter__(self) -> Self:
        self.own = await self._stack.enter_async_context(self._own)
        self.shared = await self._stack.enter_async_context(self._shared)
        for topic in (self._topic, "chat", "presence"):
            await self.shared.send(json.dumps({"id": topic, "type": "join", "topic": topic}))
            await received(self.shared, "welcome")
        await received(self.own, "welcome")
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()

    async def heals(self, say: Callable[[], Awaitable[None]]) -> float:
        """Wait until they are out of the room and know of their direct room; how long it took.

        After that they hear nothing of what `say` says in the room.
        """
        began = time()
        (own_code, _), (shared_code, _) = await asyncio.gather(
            end_of(self.own), end_of(self.shared)
        )
        assert (own_code, shared_code) == (4403, 4403)
        seconds = time() - began
        while (await received(self.shared, "rooms.changed"))["topic"] != "chat":
            pass
        await self.shared.send(json.dumps({"id": "again", "type": "join", "topic": "chat"}))
        welcome = await received(self.shared, "welcome")
        assert [room["kind"] for room in welcome["data"]["rooms"]] == ["direct"]
        await say()
        await self.shared.send(json.dumps({"id": "last", "type": "nothing", "topic": "chat"}))
        frames = []
        while (frame := json.loads(await self.shared.recv())).get("id") != "last":
            frames.append(frame)
        assert [frame for frame in frames if frame["topic"].endswith(self._topic[5:])] == []
        return seconds


async def say(server: Server, room: str, person: Person) -> None:
    """Say something in a room, and wait until a reader there has it."""
    async with opened(server.websocket_url, f"/ws/chat/{room}/", person.session) as client:
        await received(client, "welcome")
        data = {"client_id": str(time()), "body": "Not for everybody"}
        await client.send(json.dumps({"id": "1", "type": "message.send", "data": data}))
        await received(client, "message.created")


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
