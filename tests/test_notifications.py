"""Notifications while processes are killed: nothing is lost, doubled or miscounted."""

import asyncio
import random
from contextlib import AsyncExitStack

import pytest

from tests.conversations import until
from tests.inboxes import InboxClient
from tests.projects import Server, served
from tests.sites import Site
from tests.tables import Table, shown_at_the_end

WRITER_KILLS = 12
SERVER_KILLS = 8
DEVICES = 2
CALM_SECONDS = 2.0

# Tells, retells and takes back at random, in transactions of every kind, until it is killed.
WRITER = """
import random
from django.db import transaction
from accounts.models import User
from notifications.actions import Notice, notify, notify_all, retell, retract
from notifications.queries import told

people = list(User.objects.filter(username__startswith="person").order_by("pk"))
text = {"text": "Hello", "link": ""}
print("ready", flush=True)
while True:
    some = random.sample(people, k=4)
    key = random.choice("1234")
    match random.randrange(8):
        case 0 | 1 | 2:
            notify(some, "announcement", **text)
            continue
        case 3:
            retract(told(target="chat:hall", key=key))
            continue
        case 4:
            retell(told(target="chat:hall", key=key), excerpt=str(random.random()))
            continue
    with transaction.atomic():
        hall = {"room": "Hall", "slug": "hall", "seq": 1, "excerpt": ""}
        notify_all([
            Notice(some, "chat.mention", target="chat:hall", data=hall, key=key),
            Notice(some[:2], "announcement", data=text),
        ])
        if random.random() < 0.2:
            transaction.set_rollback(True)
"""

LEDGER = """
import json
from accounts.models import User
from notifications.models import Inbox, Notification

people = {}
for user in User.objects.filter(username__startswith="person"):
    inbox = Inbox.objects.filter(user=user).first()
    rows = Notification.objects.filter(recipient=user)
    kept = rows.filter(deleted_at=None)
    people[user.pk] = {
        "head": inbox.last_rev if inbox else 0,
        "count": inbox.unread if inbox else 0,
        "revs": list(rows.values_list("rev", flat=True)),
        "kept": {row.pk: [row.happenings.count(), row.excerpt] for row in kept},
        "unread": list(kept.filter(read_at=None).values_list("pk", flat=True)),
    }
print(json.dumps(people))
"""


@pytest.fixture(scope="module")
def table() -> Table:
    columns = ("server", "writers killed", "servers killed", "connections lost", "changes")
    rest = ("lost", "doubled", "miscounted")
    return shown_at_the_end(Table("Notifications", *columns, *rest))


def test_every_device_ends_up_with_what_the_database_has(site: Site, table: Table) -> None:
    asyncio.run(_storm(site, site.pair(), table))


async def _storm(site: Site, servers: tuple[Server, Server], table: Table) -> None:
    urls = [server.websocket_url for server in servers]
    people = [person for person in site.people for _ in range(DEVICES)]
    async with AsyncExitStack() as stack:
        devices = [
            await stack.enter_async_context(
                InboxClient(urls[:: 1 if number % 2 else -1], person.session)
            )
            for number, person in enumerate(people)
        ]
        await until(lambda: all(device.joined for device in devices), "everyone is here")
        meddling = asyncio.create_task(_meddle(devices))
        await asyncio.gather(_kill_writers(site), _kill_servers(servers))
        meddling.cancel()
        await asyncio.sleep(CALM_SECONDS)
        ledger = await asyncio.to_thread(site.inside, LEDGER)
        heads = [ledger[str(person.id)]["head"] for person in people]
        await until(
            lambda: [device.cursor.rev for device in devices] == heads,
            lambda: f"{[device.cursor.rev for device in devices]} reach {heads}",
        )
    lost = doubled = miscounted = 0
    for person, device in zip(people, devices, strict=True):
        rows = ledger[str(person.id)]
        assert len(set(rows["revs"])) == len(rows["revs"])
        kept = {int(pk): shown for pk, shown in rows["kept"].items()}
        lost += len(kept.keys() ^ device.rows.keys())
        lost += sum(
            [device.rows[pk]["count"], device.rows[pk]["excerpt"]] != kept[pk]
            for pk in kept.keys() & device.rows.keys()
        )
        doubled += device.doubled
        miscounted += rows["count"] != len(rows["unread"])
        miscounted += device.unread != rows["count"] or device.unread_ids != set(rows["unread"])
    losses = sum(device.losses for device in devices)
    outcome = (sum(heads) // DEVICES, lost, doubled, miscounted)
    table.add(site.kind, WRITER_KILLS, SERVER_KILLS, losses, *outcome)
    assert (lost, doubled, miscounted) == (0, 0, 0)


async def _meddle(devices: list[InboxClient]) -> None:
    """Read, read all, delete: from any device, at any moment."""
    while True:
        await asyncio.sleep(0.02)
        device = random.choice(devices)
        chosen = {"id": random.choice([*device.rows, 1])}
        command = random.choices(["read", "delete", "read_all"], [8, 3, 1])[0]
        await device.send(command, {} if command == "read_all" else chosen)


async def _kill_writers(site: Site) -> None:
    arguments = ["manage.py", "shell", "--verbosity", "0", "--command", WRITER]
    for _ in range(WRITER_KILLS):
        writer = await asyncio.create_subprocess_exec(
            site.python,
            *arguments,
            cwd=site.project,
            env=served(**site.environment),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        assert writer.stdout is not None
        assert await writer.stdout.readline() == b"ready\n"
        await asyncio.sleep(random.uniform(0.5, 2.0))
        writer.kill()
        await writer.wait()


async def _kill_servers(servers: tuple[Server, Server]) -> None:
    for number in range(SERVER_KILLS):
        await asyncio.sleep(random.uniform(0.5, 1.5))
        server = servers[number % 2]
        server.kill()
        await asyncio.to_thread(server.start)
