"""Feeds, by the example of a board and its cards: what no app's own tests show."""

import re
from contextlib import AbstractAsyncContextManager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.template import Context, Template
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from realtime import topics
from realtime.database import in_database
from realtime.feeds import consumer, models
from realtime.feeds.changes import changing
from realtime.feeds.models import FeedTopic
from realtime.feeds.reading import latest_of_each, missed
from realtime.management.commands.startrealtime import sorted_imports
from realtime.protocol import ErrorCode, Refusal
from realtime.starting import boards
from realtime.starting.boards import actions
from realtime.starting.boards.consumers import BoardConsumer
from realtime.starting.boards.models import Board, Card
from realtime.testing import Client, connect
from realtime.tests.started import application
from realtime.topics import latest_revisions

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def plan(db: None) -> Board:
    return Board.objects.create(slug="plan")


def add(board: Board, *titles: str) -> list[Card]:
    with board.changing() as changes:
        return changes.add(*(Card(board=board, client_id=title, title=title) for title in titles))


def at_plan(user: User, **query: Any) -> AbstractAsyncContextManager[Client]:  # Any: as `connect`
    return connect("/ws/board/plan/", user, application=application, **query)


def test_each_change_takes_the_next_number_and_saves_it(plan: Board) -> None:
    add(plan, "one", "two")
    with plan.changing() as changes:
        two = changes.get(Card, seq=2)
        two.title = "second"
        changes.save(two, fields=["title"])
        changes.move(changes.get(Card, seq=1), fields=[])
        changes.mark(changes.feed)
    rows = Card.objects.order_by("pk").values_list("seq", "rev", "title")
    assert list(rows) == [(4, 4, "one"), (2, 3, "second")]
    plan.refresh_from_db()
    assert plan.last_rev == 5


def test_a_template_gives_each_item_an_element_with_its_key_and_revision(plan: Board) -> None:
    one, two = add(plan, "<one>", "two")
    with plan.changing() as changes:
        changes.delete(changes.get(Card, seq=2))
    assert one.as_data() == {
        "seq": 1,
        "rev": 1,
        "client_id": "<one>",
        "title": "<one>",
        "deleted_at": None,
        "pk": one.pk,
        "html": one.html,
    }
    opening = f'<li data-pk="{one.pk}" data-rev="1" class="list__item">'
    assert one.html.startswith(f'{opening}\n  <span class="list__body">&lt;one&gt;</span>')
    assert one.html.endswith("</li>")
    two.refresh_from_db()
    assert two.as_data()["html"] == ""


def test_a_page_shows_the_latest_items_in_an_element_that_names_the_feed(plan: Board) -> None:
    cards = add(plan, *map(str, range(52)))
    with plan.changing() as changes:
        changes.delete(changes.get(Card, seq=52))
    source = '{% load feeds %}{% feed board.cards "ol" class="a b" %}'
    shown = Template(source).render(Context({"board": plan}))
    opening, first = '<ol class="a b" data-feed="board:plan" data-shown="50">', cards[1].pk
    assert shown.startswith(f'{opening}<li data-pk="{first}" data-rev="2" class="list__item">')
    assert shown.endswith("</li></ol>")
    assert re.findall(r'"list__body">(\d+)<', shown) == [str(n) for n in range(1, 51)]


def test_a_template_without_an_element_is_told_of(
    plan: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "render_to_string", lambda *_: "words")
    (card,) = add(plan, "one")
    with pytest.raises(ImproperlyConfigured) as raised:
        card.as_data()
    assert str(raised.value) == (
        "boards/card.html does not begin with an element: give each card one, such as <li>...</li>."
    )


def test_a_change_that_fails_takes_no_number(plan: Board) -> None:
    def add_and_fail() -> None:
        with plan.changing() as changes:
            changes.add(Card(board=plan, client_id="a", title="a"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        add_and_fail()
    plan.refresh_from_db()
    assert (plan.last_rev, Card.objects.count()) == (0, 0)
    (card,) = add(plan, "b")
    assert card.seq == 1


def test_a_retry_gives_the_first_and_takes_no_number(plan: Board) -> None:
    add(plan, "one")
    with plan.changing() as changes:
        again = Card(board=plan, client_id="one", title="other words")
        new = Card(board=plan, client_id="two", title="two")
        first, second, third = changes.add(again, new, Card(board=plan, client_id="two", title=""))
    assert (first.seq, first.title, second is new, third is new) == (1, "one", True, True)
    plan.refresh_from_db()
    assert plan.last_rev == 2


def test_an_item_that_was_changed_meanwhile_is_a_conflict(plan: Board) -> None:
    (stale,) = add(plan, "one")
    stale = Card.objects.get(pk=stale.pk)
    with plan.changing() as changes:
        changes.save(changes.get(Card, seq=1), fields=[])
    stale.title = "overwritten"
    with pytest.raises(Refusal) as refused, plan.changing() as changes:
        changes.save(stale, fields=["title"])
    assert refused.value.code == ErrorCode.CONFLICT
    assert Card.objects.get().title == "one"


def test_what_is_read_under_the_lock_is_written_without_another_look(plan: Board) -> None:
    add(plan, "one", "two")
    with CaptureQueriesContext(connection) as queries, plan.changing() as changes:
        changes.save(*changes.select(Card.objects.filter(board=plan)), fields=["title"])
    # BEGIN, the lock, the items read and written, the number, COMMIT.
    assert len(queries) == 6


def test_an_item_that_is_read_under_the_lock_has_the_feed_that_is_locked(plan: Board) -> None:
    add(plan, "one")
    with plan.changing() as changes:
        assert changes.get(Card, seq=1).board is changes.feed


def test_of_two_copies_the_one_that_was_read_before_a_change_is_a_conflict(plan: Board) -> None:
    add(plan, "one")
    with plan.changing() as changes:
        first, second = changes.get(Card, seq=1), changes.get(Card, seq=1)
        changes.save(first, fields=[])
        with pytest.raises(Refusal) as refused:
            changes.save(second, fields=[])
    assert refused.value.code == ErrorCode.CONFLICT


def test_moving_adds_what_is_new_in_the_order_given(plan: Board) -> None:
    add(plan, "one", "two")
    with plan.changing() as changes:
        new = Card(board=plan, client_id="new", title="new")
        changes.move(changes.get(Card, seq=2), new, changes.get(Card, seq=1), fields=["title"])
        assert new.pk
    rows = Card.objects.order_by("seq").values_list("seq", "rev", "title")
    assert list(rows) == [(3, 3, "two"), (4, 4, "new"), (5, 5, "one")]


def test_a_feed_that_is_made_meanwhile_changes_with_the_others(plan: Board) -> None:
    with changing(Board.objects.all()) as changes:
        changes.create([Board(slug="new")])
        new = Board.objects.get(slug="new")
        changes.add(Card(board=new, title="one"), Card(board=plan, title="one"))
    assert set(Board.objects.values_list("slug", "last_rev")) == {("plan", 1), ("new", 1)}


def test_pruned_items_are_gone_and_their_latest_change_is_noted(plan: Board) -> None:
    add(plan, "one", "two", "three")
    other = Board.objects.create(slug="other")
    add(other, "one")
    with plan.changing() as changes:
        changes.save(changes.get(Card, seq=1), fields=[])
        assert changes.prune(Card.objects.filter(title__in=["one", "two"])) == 2
    rows = Card.objects.values_list("board__slug", "title")
    assert set(rows) == {("plan", "three"), ("other", "one")}
    assert dict(Board.objects.values_list("slug", "pruned_rev")) == {"plan": 4, "other": 0}


def test_a_deleted_item_is_emptied_and_keeps_its_place(plan: Board) -> None:
    add(plan, "one", "two")
    with plan.changing() as changes:
        changes.delete(*Card.objects.order_by("seq"))
    rows = Card.objects.order_by("seq").values_list("seq", "rev", "title")
    assert list(rows) == [(1, 3, ""), (2, 4, "")]
    assert not Card.objects.filter(deleted_at=None).exists()


def test_a_deleted_item_cannot_be_changed(plan: Board) -> None:
    add(plan, "one")
    delete(plan, 1)
    with pytest.raises(Refusal) as refused, plan.changing() as changes:
        changes.save(changes.get(Card, seq=1), fields=["title"])
    assert refused.value.code == ErrorCode.CONFLICT


def test_a_feed_is_not_changed_within_its_own_change(plan: Board) -> None:
    with pytest.raises(RuntimeError, match="within a change of its own"), plan.changing():
        add(plan, "one")


def test_a_feed_that_is_gone_cannot_be_changed(plan: Board) -> None:
    Board.objects.all().delete()
    with pytest.raises(Refusal) as refused:
        add(plan, "one")
    assert (refused.value.code, refused.value.detail) == (
        ErrorCode.NOT_FOUND,
        "There is no such board any more.",
    )


def test_many_feeds_change_in_a_few_queries(db: None) -> None:
    boards = [Board.objects.create(slug=f"b{n}") for n in range(20)]
    cards = [Card(board=each, client_id="a", title="a") for each in boards]
    cards += [Card(board=boards[0], client_id=f"{n}") for n in range(5)]
    with (
        CaptureQueriesContext(connection) as queries,
        changing(Board.objects.filter(slug__startswith="b")) as changes,
    ):
        changes.add(*cards)
    assert set(Board.objects.values_list("last_rev", flat=True)) == {1, 6}
    # BEGIN, the lock, the retries, the items, the numbers of two kinds, COMMIT.
    assert len(queries) == 7


def test_the_latest_items_of_many_feeds_are_read_in_two_queries(plan: Board) -> None:
    few, none = Board.objects.create(slug="few"), Board.objects.create(slug="none")
    add(plan, "one", "two", "three", "four")
    add(few, "five", "six")
    boards = list(Board.objects.filter(pk__in=[plan.pk, few.pk, none.pk]).order_by("pk"))
    with CaptureQueriesContext(connection) as queries:
        pages = latest_of_each(Card.objects.exclude(title="three"), boards, 2)
    assert len(queries) == 2
    titles = [([card.title for card in items], more) for items, more in pages]
    assert titles == [(["four", "two"], True), (["six", "five"], False), ([], False)]


def test_the_heartbeat_tells_a_feeds_latest_revision(plan: Board) -> None:
    add(plan, "one", "two")
    found = list(latest_revisions(["board:plan", "board:gone"]))
    assert found == [("board:plan", "board:plan", 2)]


@pytest.mark.parametrize("name", ["models.py", "actions.py", "consumers.py"])
def test_the_documented_feed_is_this_one(name: str) -> None:
    documented = (settings.BASE_DIR / "docs" / "feeds.md").read_text(encoding="utf-8")
    tested = (Path(boards.__file__).parent / name).read_text(encoding="utf-8")
    shown = sorted_imports(tested.replace("realtime.starting.boards", "boards"))
    assert f"```python\n{shown}```" in documented


async def test_the_welcome_has_the_latest_items_and_the_head(ada: User, plan: Board) -> None:
    await in_database(add, plan, *(f"card {n}" for n in range(52)))
    async with at_plan(ada) as client:
        welcome = await client.expect("welcome")
    assert (welcome["topic"], welcome["rev"]) == ("board:plan", 52)
    assert [each["seq"] for each in welcome["data"]["items"]] == list(range(3, 53))
    assert (welcome["data"]["epoch"], welcome["data"]["more"]) == (str(plan.epoch), True)


async def test_who_comes_back_is_sent_what_changed_in_the_order_of_the_changes(
    ada: User, plan: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BoardConsumer, "page_items", 2)
    await in_database(add, plan, "one", "two", "three", "four")
    await in_database(delete, plan, 1)
    async with at_plan(ada, since=2, epoch=str(plan.epoch)) as client:
        first, second = await client.expect("changes"), await client.expect("changes")
    assert [each["seq"] for each in first["data"]["items"]] == [3, 4]
    assert (first["rev"], first["data"]["more"]) == (4, True)
    assert [(each["seq"], each["title"]) for each in second["data"]["items"]] == [(1, "")]
    assert (second["rev"], second["data"]["more"]) == (5, False)


@pytest.mark.parametrize("since", ["0", "3", "-1", "x", "9" * 40])
async def test_a_place_that_is_pruned_or_ahead_is_reset(ada: User, plan: Board, since: str) -> None:
    await in_database(add, plan, "one", "two")
    await in_database(Board.objects.update, pruned_rev=1)
    async with at_plan(ada, since=since, epoch=str(plan.epoch)) as client:
        reset = await client.expect("reset")
    assert reset["rev"] == 2
    assert [each["seq"] for each in reset["data"]["items"]] == [1, 2]


async def test_what_is_pruned_while_changes_are_read_is_not_missed(
    ada: User, plan: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    await in_database(add, plan, "one", "two")
    await in_database(delete, plan, 1)

    def missed_after_a_prune(*arguments: Any) -> Any:  # Any: of any item
        with plan.changing() as changes:
            changes.prune(Card.objects.exclude(deleted_at=None))
        return missed(*arguments)

    monkeypatch.setattr(consumer, "missed", missed_after_a_prune)
    async with at_plan(ada, since=2, epoch=str(plan.epoch)) as client:
        reset = await client.expect("reset")
    assert [each["seq"] for each in reset["data"]["items"]] == [2]


async def test_another_epoch_is_reset_on_a_command_too(ada: User, plan: Board) -> None:
    async with at_plan(ada) as client:
        reply = await client.send("changes", {"since": 0, "epoch": "another"})
    assert (reply["type"], reply["data"]["epoch"]) == ("reset", str(plan.epoch))


async def test_a_change_is_heard_where_the_feeds_topic_has_a_group_of_its_own(
    ada: User, plan: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    class OwnGroups(FeedTopic):
        def group(self, key: object) -> str:
            return f"board:own.{key}"

        def topic(self, key: object) -> str:
            return f"board:{key}"

        def key(self, group: str) -> str:
            return group.removeprefix("board:own.")

    monkeypatch.setattr(Board, "topics", OwnGroups(Board))
    monkeypatch.setitem(topics._topics, "board", Board.topics)
    async with at_plan(ada) as client:
        await client.expect("welcome")
        await in_database(actions.add, plan, "one", "One")
        created = await client.expect("card.created")
    assert (created["topic"], created["rev"]) == ("board:plan", 1)
    assert created["data"]["title"] == "One"


async def test_a_feed_that_is_not_there_closes_the_socket(ada: User, db: None) -> None:
    async with at_plan(ada) as client:
        assert await client.closed() == 4404


async def test_whom_the_topic_does_not_let_hear_is_turned_away(
    ada: User, plan: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with at_plan(ada) as client:
        await client.expect("welcome")
        monkeypatch.setattr(type(Board.topics), "hearers", lambda self, pairs: set())
        reply = await client.send("changes", {"since": 0, "epoch": str(plan.epoch)})
        assert (reply["type"], reply["data"]["code"]) == ("error", "forbidden")
    async with at_plan(ada) as client:
        assert await client.closed() == 4403


async def test_what_a_crowd_needs_is_read_once_and_not_kept_for_long(
    ada: User, plan: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with at_plan(ada) as client:
        await client.expect("welcome")
        reads = count(1)

        def read() -> int:
            return BoardConsumer.read_for_crowd(plan, "members", lambda: next(reads))

        assert [read(), read()] == [1, 1]
        monkeypatch.setattr(consumer, "KEPT_SECONDS", -1)
        assert read() == 2


def delete(board: Board, seq: int) -> None:
    with board.changing() as changes:
        changes.delete(changes.get(Card, seq=seq))
