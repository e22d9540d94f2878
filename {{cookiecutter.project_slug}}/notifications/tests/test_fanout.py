"""Telling very many people: what it costs does not grow with them, but by hundreds of them."""

import tracemalloc
from collections import deque

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from notifications import actions, queries
from notifications.actions import notify
from notifications.models import Notification
from realtime.database import in_database
from realtime.delivery.hub import Hub, LayerMessage
from realtime.testing import connect

PORTION = 50
CROWD = 500
QUERIES_PER_PORTION = 16


@pytest.fixture(autouse=True)
def crowd(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many more people than fit into one portion."""
    monkeypatch.setattr(queries, "CHUNK_PEOPLE", PORTION)
    User.objects.bulk_create(User(username=f"crowd{n}") for n in range(CROWD))


def call(people: list[int] | None = None) -> int:
    whom = User.objects.all() if people is None else people
    return notify(whom, "test.call", target="test:hall", room="hall")


def test_queries_are_bounded_by_the_portion(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "HAPPENINGS_KEPT", 2)
    for _ in range(3):  # rows of their own, then folded, then full
        with CaptureQueriesContext(connection) as queries:
            assert call() == CROWD
        assert len(queries) <= QUERIES_PER_PORTION * (CROWD // PORTION)

    assert set(Notification.objects.values_list("count", flat=True)) == {2}


@pytest.mark.django_db(transaction=True)
def test_memory_is_bounded_by_the_portion(monkeypatch: pytest.MonkeyPatch) -> None:
    # The in-memory layer keeps messages for the processes of earlier tests.
    monkeypatch.setattr(actions, "publish_many", lambda _, events: deque(events, maxlen=0))
    call()  # so that everything is imported and cached
    few = list(User.objects.values_list("pk", flat=True)[: 2 * PORTION])
    peaks = []
    for people in (few, None):
        tracemalloc.start()
        call(people)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert peaks[1] < 2 * peaks[0], peaks  # of five times as many people


@pytest.mark.django_db(transaction=True)
async def test_a_crowd_costs_the_layer_a_few_messages_and_each_socket_hears_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[str] = []
    send = Hub.send

    def counted(hub: Hub, group: str, message: LayerMessage) -> None:
        sent.append(group)
        send(hub, group, message)

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
    assert len(sent) <= CROWD // PORTION
