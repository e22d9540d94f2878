"""What the engine counts."""

import pytest
from prometheus_client import REGISTRY

from accounts.models import User
from realtime.delivery.engine import this_engine
from realtime.tests.echo import connect_echo

pytestmark = pytest.mark.django_db(transaction=True)


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def counted() -> dict[str, float]:
    return {
        "joins": value("realtime_joins_total"),
        "received": value("realtime_frames_received_total"),
        "sent": value("realtime_frames_sent_total"),
        "refused": value("realtime_refusals_total", code="conflict"),
        "delivered": value("realtime_delivery_seconds_count"),
    }


async def test_joins_frames_refusals_and_deliveries_are_counted(ada: User, bob: User) -> None:
    before = counted()
    async with connect_echo("/ws/echo/a/", ada) as one, connect_echo("/ws/echo/a/", bob) as two:
        await two.expect("welcome")
        await one.send("say", {"text": "hello"})
        await one.expect("said")
        await two.expect("said")
        await one.send("refuse")

        now = counted()
        this_engine().measure()
        gauges = [value(f"realtime_{name}") for name in ("sockets", "people", "groups")]

    assert {name: now[name] - before[name] for name in now} == {
        "joins": 2,
        "received": 2,
        "sent": 6,  # two welcomes, a reply, an event to two, an error
        "refused": 1,
        "delivered": 1,
    }
    assert gauges == [2, 2, 1]


async def test_closes_are_counted_by_their_code(ada: User) -> None:
    before = value("realtime_closes_total", code="4403")
    async with connect_echo("/ws/echo/closed/", ada) as client:
        await client.closed()
    assert value("realtime_closes_total", code="4403") - before == 1
