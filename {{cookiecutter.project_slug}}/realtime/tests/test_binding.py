"""Data binding, by the example of Django's own groups."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, suppress
from datetime import date, timedelta
from functools import partial
from io import StringIO
from time import monotonic
from typing import Any

import pytest
from channels.routing import URLRouter
from django.contrib.auth.models import Group, Permission
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import IntegrityError, connection, connections, transaction
from django.db.models.functions import Lower
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext_lazy

from accounts.models import User
from realtime.admission.middleware import AdmissionMiddleware
from realtime.database import in_database
from realtime.feeds import binding
from realtime.feeds.binding import Binding, StreamConsumer, connect_signals
from realtime.models import Stream, StreamItem, TaskRow
from realtime.tasks import run_due
from realtime.testing import Client, connect

pytestmark = pytest.mark.django_db(transaction=True)

application = AdmissionMiddleware(
    URLRouter([path("ws/stream/<slug:name>/", StreamConsumer.as_asgi())])
)
Shown = list[tuple[str, str, bool]]

WRITERS = 4
WORKERS = 2
STEPS = 12
ROWS = 3


@pytest.fixture(autouse=True)
def groups(monkeypatch: pytest.MonkeyPatch) -> type[Binding]:
    monkeypatch.setattr(binding, "bindings", {})

    class GroupBinding(Binding):
        model = Group
        stream = "groups"
        fields = ["name"]

    connect_signals()
    return GroupBinding


def shown() -> Shown:
    """What pages see: data, whether it is there; in the order of the numbers."""
    run_due()
    rows = StreamItem.objects.order_by("rev")
    return [(row.key, row.data, row.deleted_at is None) for row in rows]


def at_groups(user: User, **query: Any) -> AbstractAsyncContextManager[Client]:  # Any: as `connect`
    return connect("/ws/stream/groups/", user, application=application, **query)


def apart(call: Callable[[], Any]) -> Any:  # Any: whatever it returns
    """Call it in a thread's own connection, and close that."""
    try:
        return call()
    finally:
        connections.close_all()


def somebody_waits() -> bool:
    """Whether a session of PostgreSQL waits for a lock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_locks WHERE NOT granted")
        return cursor.fetchone() is not None


def sync() -> str:
    said = StringIO()
    call_command("sync_bindings", stdout=said)
    return said.getvalue()


def test_a_row_that_is_saved_is_shown_as_it_is_by_then() -> None:
    choir = Group.objects.create(name="Quire")
    choir.name = "Choir"
    choir.save()
    key = str(choir.pk)
    assert shown() == [(key, '{"name":"Choir"}', True)]
    assert StreamItem.objects.get().rev == 1, "the second task found nothing to do"

    choir.delete()
    assert shown() == [(key, "null", False)]


def test_a_change_that_is_rolled_back_is_not_shown() -> None:
    with transaction.atomic():
        Group.objects.create(name="Choir")
        transaction.set_rollback(True)
    assert shown() == []
    assert not TaskRow.objects.exists()


def test_a_row_that_comes_back_is_shown_again_at_the_end() -> None:
    Group.objects.create(pk=1, name="Choir")
    Group.objects.create(pk=2, name="Band")
    shown()
    Group.objects.filter(pk=1).delete()
    shown()
    Group.objects.create(pk=1, name="Choir")
    assert shown() == [("2", '{"name":"Band"}', True), ("1", '{"name":"Choir"}', True)]
    assert list(StreamItem.objects.order_by("seq").values_list("key", "seq")) == [
        ("2", 2),
        ("1", 4),
    ]


def test_what_signals_do_not_see_is_repaired(
    groups: type[Binding], monkeypatch: pytest.MonkeyPatch
) -> None:
    Group.objects.bulk_create(Group(pk=pk, name=name) for pk, name in enumerate("abcd", 1))
    assert shown() == []
    assert sync() == "Repaired 4 of 4 rows of groups.\n"
    assert [data for _, data, _ in shown()] == [f'{{"name":"{name}"}}' for name in "abcd"]

    Group.objects.filter(pk=2).update(name="B")
    Group.objects.filter(pk=3)._raw_delete("default")
    assert sync() == "Repaired 2 of 4 rows of groups.\n"
    assert shown()[2:] == [("2", '{"name":"B"}', True), ("3", "null", False)]
    assert sync() == "Repaired 0 of 3 rows of groups.\n"

    Group.objects.filter(pk__in=[1, 2, 4]).update(name=Lower("name"))
    monkeypatch.setattr(binding, "CHUNK_ROWS", 2)
    groups.changed([1, 2, 4])
    assert TaskRow.objects.filter(status="READY").count() == 2
    assert shown()[-1] == ("2", '{"name":"b"}', True)


def test_rows_that_were_deleted_long_ago_are_forgotten() -> None:
    for name in ("Choir", "Band"):
        Group.objects.create(name=name)
        shown()
        Group.objects.all().delete()
        shown()
    StreamItem.objects.filter(rev=2).update(deleted_at=timezone.now() - timedelta(days=31))
    StreamItem.objects.filter(rev=4).update(deleted_at=timezone.now() - timedelta(days=29))
    sync()
    assert [len(shown()), Stream.objects.get().pruned_rev] == [1, 2]


def test_a_row_that_leaves_the_queryset_is_deleted_on_the_page(
    groups: type[Binding], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "queryset", lambda: Group.objects.filter(name__startswith="C"))
    choir = Group.objects.create(name="Choir")
    Group.objects.create(name="Band")
    assert shown() == [(str(choir.pk), '{"name":"Choir"}', True)]
    choir.name = "Quire"
    choir.save()
    assert shown() == [(str(choir.pk), "null", False)]


def test_a_binding_chooses_what_is_sent_and_text_stands_for_what_is_no_json(
    groups: type[Binding], monkeypatch: pytest.MonkeyPatch
) -> None:
    def serialize_data(instance: Group) -> object:
        return {"title": gettext_lazy("Name"), "day": date(2026, 11, 26), "letters": {"C"}}

    monkeypatch.setattr(groups, "serialize_data", serialize_data)
    Group.objects.create(pk=7, name="Choir")
    assert shown() == [("7", '{"title":"Name","day":"2026-11-26","letters":["C"]}', True)]


def test_a_field_that_is_no_column_is_named_at_the_start(groups: type[Binding]) -> None:
    groups.fields = ["name", "permissions"]
    with pytest.raises(ImproperlyConfigured, match="Group has no column permissions: correct the"):
        connect_signals()


def test_a_writer_waits_for_no_other() -> None:
    """Two rows are saved by two transactions that are open at once."""
    one, two = Group.objects.create(name="one"), Group.objects.create(name="two")
    shown()
    if connection.vendor == "sqlite":  # has one writer at a time
        return

    with ThreadPoolExecutor(1) as threads, transaction.atomic():
        one.save()
        threads.submit(apart, two.save).result(timeout=20)


def test_a_task_reads_the_row_when_it_has_the_lock(groups: type[Binding]) -> None:
    choir = Group.objects.create(name="Quire")
    shown()
    if connection.vendor == "sqlite":  # has one lock for everything
        return

    with ThreadPoolExecutor(1) as threads:
        with Stream.of("groups").changing():
            choir.name = "Chorus"
            threads.submit(apart, choir.save).result(timeout=20)
            task = threads.submit(apart, run_due)
            deadline = monotonic() + 20
            while not somebody_waits():
                assert monotonic() < deadline
            Group.objects.filter(pk=choir.pk).update(name="Choir")
        assert task.result() == 1
    assert shown() == [(str(choir.pk), '{"name":"Choir"}', True)]


def test_an_item_ends_as_the_last_commit_left_its_row() -> None:
    """Writers and workers at once; each row is saved by all writers, deleted and made again."""

    def write(number: int) -> None:
        chance = random.Random(number)
        for step in range(STEPS):
            with suppress(IntegrityError), transaction.atomic():  # another made the row first
                key = chance.randrange(1, ROWS + 1)
                if chance.random() < 0.2:
                    Group.objects.filter(pk=key).delete()
                else:
                    name = f"{key} by {number}.{step}"
                    Group.objects.update_or_create(pk=key, defaults={"name": name})

    def work() -> None:
        while not all(writer.done() for writer in writers):
            run_due()

    with ThreadPoolExecutor(WRITERS + WORKERS) as threads:
        writers = [threads.submit(apart, partial(write, number)) for number in range(WRITERS)]
        for job in [*writers, *(threads.submit(apart, work) for _ in range(WORKERS))]:
            job.result()

    there = {key: data for key, data, is_there in shown() if is_there}
    assert there == {str(row.pk): f'{{"name":"{row.name}"}}' for row in Group.objects.all()}
    assert not TaskRow.objects.exclude(status="SUCCESSFUL").exists()
    revs = StreamItem.objects.values_list("rev", flat=True)
    assert Stream.objects.get().last_rev == max(revs)


async def test_pages_hear_changes_and_the_last_of_many(ada: User, groups: type[Binding]) -> None:
    groups.for_everyone = True
    async with at_groups(ada) as client:
        welcome = await client.expect("welcome")
        assert (welcome["topic"], welcome["data"]["items"]) == ("stream:groups", [])
        choir = await in_database(Group.objects.create, name="Choir")
        await in_database(run_due)
        created = await client.expect("row.created")
        row = {"seq": 1, "rev": 1, "pk": str(choir.pk), "data": {"name": "Choir"}}
        assert created["data"] == row | {"deleted_at": None}

        many = [Group(name=f"Group {number}") for number in range(60)]
        await in_database(Group.objects.bulk_create, many)
        await in_database(sync)
        last = await client.expect("row.created")
        assert (last["rev"], last["data"]["data"]) == (61, {"name": "Group 59"})
        page = await client.send("list", {"before": 3})
        assert [each["data"]["name"] for each in page["data"]["items"]] == ["Choir", "Group 0"]
        assert client.skipped == []


async def test_who_may_view_the_model_may_hear_it(ada: User, bob: User) -> None:
    view = await in_database(Permission.objects.get, codename="view_group")
    await in_database(ada.user_permissions.add, view)
    async with at_groups(ada) as client:
        epoch = (await client.expect("welcome"))["data"]["epoch"]
        await in_database(ada.user_permissions.clear)
        for kind, data in (("list", {"before": 9}), ("changes", {"since": 0, "epoch": epoch})):
            assert (await client.send(kind, data))["data"]["code"] == "forbidden"
    async with at_groups(bob) as client:
        assert await client.closed() == 4403
    async with connect("/ws/stream/others/", bob, application=application) as client:
        assert await client.closed() == 4404
