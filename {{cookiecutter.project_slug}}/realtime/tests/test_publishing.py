"""Whatever code publishes, in a process of its own: the layer has the event, or the log says no."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from channels.layers import get_channel_layer
from django.conf import settings

from realtime.delivery.hub import CONTROL, layer_group

SETUP = """
import asyncio, os, sys, threading
from concurrent.futures import ThreadPoolExecutor
import django
django.setup()
from asgiref.sync import async_to_sync, sync_to_async
from django.db import transaction
from realtime.delivery.engine import stop_engine, this_engine
from realtime.delivery.publishing import Event, dismiss, publish, publish_many, recheck, sign_out
from realtime.protocol import CloseCode

topic = sys.argv[1]

def say(number):
    publish(topic, "said", number)

async def count():
    for number in (1, 2, 3):
        say(number)
"""

ENGINE_ELSEWHERE = """
ready, stop = threading.Event(), threading.Event()

async def serve():
    this_engine()
    ready.set()
    await asyncio.to_thread(stop.wait)
    await stop_engine()

server = threading.Thread(target=asyncio.run, args=(serve(),))
server.start()
ready.wait()
"""

WAYS = {
    "a command": "say(1); say(2); say(3)",
    "an event loop": "asyncio.run(count())",
    "a loop after a plain call": "say(1)\nasync def rest(): say(2); say(3)\nasyncio.run(rest())",
    "several loops": """
async def one(number):
    say(number)

for number in (1, 2, 3):
    asyncio.run(one(number))
""",
    "a plain function within async code": """
async def main():
    say(1)
    await sync_to_async(say)(2)
    say(3)
asyncio.run(main())
""",
    "async code within a plain function": "async_to_sync(count)()",
    "async code, plain within, async within that": """
async def main():
    await sync_to_async(async_to_sync(count))()
asyncio.run(main())
""",
    "a thread beside a loop": """
async def main():
    for number in (1, 2, 3):
        await asyncio.to_thread(say, number)
asyncio.run(main())
""",
    "a pool of threads": """
with ThreadPoolExecutor(3) as pool:
    for number in (1, 2, 3):
        pool.submit(say, number).result()
""",
    "a thread left to itself": "threading.Thread(target=asyncio.run, args=[count()]).start()",
    "a task that is cancelled": """
async def main():
    task = asyncio.create_task(count())
    await asyncio.sleep(0)
    task.cancel()
asyncio.run(main())
""",
    "a forked process": """
say(1)
if not os.fork():
    say(2)
    os._exit(0)
os.wait()
say(3)
""",
    "transactions": """
async def main():
    await sync_to_async(write)(2)
    say(3)

def write(number):
    with transaction.atomic():
        say(number)
        async_to_sync(ahead)()

async def ahead():  # no part of the transaction
    say(1)

def fail():
    with transaction.atomic():
        say(4)
        raise KeyError

asyncio.run(main())
try:
    fail()
except KeyError:
    pass
""",
    "a connection that has broken": """
from channels.layers import get_channel_layer
say(1)
(loop,) = get_channel_layer()._layers
(shard,) = get_channel_layer()._layers[loop]._shards
(connection,) = shard._redis.connection_pool._available_connections
loop.call_soon_threadsafe(connection._writer.transport.abort)
say(2)
say(3)
""",
    "beside an engine": ENGINE_ELSEWHERE + "say(1); say(2); say(3); stop.set(); server.join()",
    "a loop beside an engine's": ENGINE_ELSEWHERE
    + "asyncio.run(count()); stop.set(); server.join()",
    "the loop of an engine": """
async def main():
    this_engine()
    await sync_to_async(say)(1)
    say(2)
    await asyncio.to_thread(say, 3)
    await stop_engine()
asyncio.run(main())
""",
}


def run(code: str, topic: str, redis_url: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": "sqlite://:memory:",
        "REDIS_URL": redis_url,
        "REDIS_PREFIX": settings.REDIS_PREFIX,
        "LOG_FORMAT": "line",
        "TASKS_IN_WEB": "false",  # the database has no tables
    }
    command = [sys.executable, "-W", "error", "-c", SETUP + code, topic]
    return subprocess.run(  # noqa: S603
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


class Listener:
    """Everything that the layer carries to some groups, until `ENOUGH` comes."""

    async def start(self, *groups: str) -> None:
        self.layer = get_channel_layer()
        self.channel = await self.layer.new_channel()
        self.groups = groups
        for group in groups:
            await self.layer.group_add(group, self.channel)

    async def heard(self) -> list[dict[str, Any]]:  # Any: what a layer carries
        await self.layer.group_send(self.groups[0], {"type": "enough"})
        messages = []
        async with asyncio.timeout(20):
            while (message := await self.layer.receive(self.channel))["type"] != "enough":
                messages += message.get("messages", [message])
        return messages


@pytest.fixture
def topic() -> str:
    return f"test.{uuid4().hex}"


@pytest.mark.redis
@pytest.mark.parametrize("way", WAYS)
async def test_an_event_is_sent_whatever_code_publishes_it(way: str, topic: str) -> None:
    listener = Listener()
    await listener.start(layer_group(topic))

    done = await asyncio.to_thread(run, WAYS[way], topic, settings.REDIS_URL)

    assert (done.returncode, done.stderr) == (0, "")
    said = [json.loads(message["text"])["data"] for message in await listener.heard()]
    assert said == [1, 2, 3]


@pytest.mark.redis
async def test_every_kind_of_message_is_sent_from_an_event_loop(topic: str) -> None:
    listener = Listener()
    await listener.start(layer_group(topic), layer_group(CONTROL))
    code = """
async def main():
    publish(topic, "said", 1)
    publish_many(topic, [Event(topic, "said", 2)])
    dismiss(topic, 7, CloseCode.FORBIDDEN, "Go.")
    sign_out(7)
    recheck(7)
asyncio.run(main())
"""

    done = await asyncio.to_thread(run, code, topic, settings.REDIS_URL)

    assert (done.returncode, done.stderr) == (0, "")
    assert [message["type"] for message in await listener.heard()] == [
        "realtime.event",
        "realtime.events",
        "realtime.dismiss",
        "realtime.sign_out",
        "realtime.recheck",
    ]


class Away(NamedTuple):
    url: str
    is_silent: bool


@pytest.fixture(params=["refuses", "is silent"])
def away(request: pytest.FixtureRequest) -> Iterator[Away]:
    """A Redis that refuses connections, and one that takes them and says nothing."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if request.param == "is silent":
            server.listen()
        port = server.getsockname()[1]
        yield Away(f"redis://127.0.0.1:{port}/0", is_silent=request.param == "is silent")


@pytest.mark.redis
@pytest.mark.parametrize("code", ["say(1)", "asyncio.run(count())", "async_to_sync(count)()"])
def test_without_its_layer_an_event_is_a_warning(away: Away, code: str, topic: str) -> None:
    done = run(code, topic, away.url)

    assert done.returncode == 0
    lines = done.stderr.splitlines()
    assert len(lines) == (1 if code == "say(1)" else 3)
    for line in lines:
        assert (
            f"realtime.delivery.publishing The channel layer did not take an event for {topic}:"
            in line
        )
    if away.is_silent:  # it is waited for once
        assert ["LayerAway" in line for line in lines] == [False, True, True][: len(lines)]


@pytest.mark.redis
def test_an_engine_that_ends_says_what_it_did_not_send(away: Away, topic: str) -> None:
    code = "async def main():\n  this_engine(); await count()\nasyncio.run(main())"

    done = run(code, topic, away.url)

    assert done.returncode == 0
    assert "The engine ended with 3 events not sent." in done.stderr
