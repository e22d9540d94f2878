"""Telling very many people: what it costs does not grow with them, but by hundreds of them."""

import tracemalloc

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from notifications.actions import notify
from notifications.actions.recipients import CHUNK_PEOPLE
from notifications.models import Notification
from realtime.database import in_database
from realtime.hub import Hub, LayerMessage
from realtime.testing import connect

QUERIES_PER_CHUNK = 22  # SQLite writes 500 rows by six or seven inserts, PostgreSQL by one
PEAK_BYTES = 6_000_000


@pytest.fixture
def crowd(db: None) -> int:
    """More people than fit into one portion."""
    return len(User.objects.bulk_create(User(username=f"crowd{n}") for n in range(1_500)))


def test_queries_and_memory_are_bounded_by_the_portion(crowd: int) -> None:
    with CaptureQueriesContext(connection) as queries:
        tracemalloc.start()
        told = notify(User.objects.all(), "test.call", target="test:hall", room="hall")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()

    assert told == Notification.objects.count() == crowd
    assert len(queries) <= QUERIES_PER_CHUNK * (crowd // CHUNK_PEOPLE + 1)
    assert peak < PEAK_BYTES


def test_folding_costs_no_more(crowd: int) -> None:
    notify(User.objects.all(), "test.call", target="test:hall", room="hall")

    with CaptureQueriesContext(connection) as queries:
        notify(User.objects.all(), "test.reply", target="test:hall", room="hall")

    assert len(queries) <= QUERIES_PER_CHUNK * (crowd // CHUNK_PEOPLE + 1)
    assert set(Notification.objects.values_list("kind", "count")) == {("test.reply", 2)}


@pytest.mark.django_db(transaction=True)
async def test_a_crowd_costs_the_layer_a_few_messages_and_each_socket_hears_its_own(
    crowd: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    send = Hub.send

    def counted(hub: Hub, audience: str, message: LayerMessage) -> None:
        sent.append(audience)
        send(hub, audience, message)

    monkeypatch.setattr(Hub, "send", counted)
    first, *_, last = await in_database(list, User.objects.order_by("pk"))
    async with (
        connect("/ws/notifications/", first) as one,
        connect("/ws/notifications/", last) as two,
    ):
        for client in (one, two):
            await client.expect("welcome")
        await in_database(notify, User.objects.all(), "test.rumour", rumour="it rains")

        events = [await client.receive() for client in (one, two)]

    assert [event["type"] for event in events] == ["notification.created"] * 2
    assert events[0]["data"]["notification"]["id"] != events[1]["data"]["notification"]["id"]
    assert len(sent) <= 2 * (crowd // CHUNK_PEOPLE + 1)
