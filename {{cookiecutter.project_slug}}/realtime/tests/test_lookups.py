"""Statements that are kept do what the ORM's own do."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import F, Model, QuerySet, Value
from django.db.models.functions import Upper
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from realtime.lookups import Lookup, increase, insert
from realtime.starting.boards.models import Board, Card
from realtime.tests.taps.models import Journal

pytestmark = pytest.mark.django_db

AWKWARD = """it's %s "\\" ?"""


@pytest.fixture
def board(db: None) -> Board:
    board = Board.objects.create(slug="plan")
    with board.changing() as changes:
        for number in range(150):
            title = AWKWARD if number == 1 else f"title {number % 3}"
            changes.add(Card(board=board, client_id=str(number), title=title))
    return board


def values(row: Model) -> list[object]:
    return [getattr(row, field.attname) for field in row._meta.concrete_fields]


@pytest.mark.parametrize(
    ("keys", "seqs"),
    [
        ([("title 0", 1)], [1]),
        ([(AWKWARD, 2)], [2]),
        ([("title 0", 2), ("nothing", 1), ("title 0", 2**40)], []),
        ([("title 2", 3), ("title 0", 1), ("title 0", 4)], [4, 3, 1]),
        ([], []),
    ],
)
def test_a_lookup_finds_what_filter_finds_in_its_order(
    board: Board, keys: list[tuple[str, int]], seqs: list[int]
) -> None:
    cards = Card.objects.filter(deleted_at=None).select_related("board").order_by("-seq")
    find = Lookup(cards, "title", "seq")
    for found in (find(keys), find(keys)):
        assert [each.seq for each in found] == seqs
        wanted = cards.filter(seq__in=seqs)
        assert list(map(values, found)) == list(map(values, wanted))
        assert [values(each.board) for each in found] == [values(each.board) for each in wanted]


def test_a_queryset_with_annotations_is_asked_itself(board: Board) -> None:
    find = Lookup(Board.objects.annotate(twice=F("last_rev") * 2), "slug")
    (found,) = find([("plan",), (None,)])
    assert found.twice == 300  # type: ignore[attr-defined]


def test_a_row_that_a_join_does_not_find_is_none(board: Board) -> None:
    user = User.objects.create_user("ada")
    kind = ContentType.objects.get_for_model(User)
    for content_type in (None, kind):
        LogEntry.objects.create(user=user, action_flag=1, content_type=content_type)
    entries = LogEntry.objects.select_related("content_type").order_by("pk")
    assert [each.content_type for each in Lookup(entries, "user")([(user.pk,)])] == [None, kind]


def test_a_lookup_of_many_keys_asks_a_few_times(
    board: Board, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    find = Lookup(Card.objects.order_by("seq"), "board", "client_id")
    with django_assert_num_queries(2):
        found = find([(board.pk, str(number)) for number in range(150)])
    assert [each.seq for each in found] == list(range(1, 151))
    with django_assert_num_queries(0):
        assert find([]) == []


def test_none_is_found_nowhere(board: Board) -> None:
    assert Lookup(Card.objects.all(), "deleted_at")([(None,)]) == []


@pytest.mark.parametrize("count", [1, 150])
def test_rows_are_inserted_as_by_bulk_create(
    board: Board, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cards(first: int) -> list[Card]:
        seqs = range(first, first + count)
        return [
            Card(board=board, client_id=f"{n}", title=AWKWARD, seq=n, rev=n, deleted_at=now)
            for n in seqs
        ]

    now = timezone.now()
    ours, djangos = cards(1_000), cards(2_000)
    with monkeypatch.context() as patch:
        patch.setattr(QuerySet, "bulk_create", None)
        insert(ours)
    Card.objects.bulk_create(djangos)
    for made in (ours, djangos):
        saved = Card.objects.in_bulk([card.pk for card in made])
        assert [values(saved[card.pk]) for card in made] == list(map(values, made))
        assert {(card._state.adding, card._state.db) for card in made} == {(False, "default")}


def test_what_only_django_can_insert_it_inserts(board: Board) -> None:
    with_pk = Card(pk=9_000, board=board, client_id="pk", title="title", seq=1_000, rev=1_000)
    upper = Card(board=board, client_id="up", seq=1_001, rev=1_001)
    upper.title = Upper(Value("title"))
    insert([with_pk])
    insert([upper])
    titles = Card.objects.filter(seq__gte=1_000).order_by("seq").values_list("title", flat=True)
    assert list(titles) == ["title", "TITLE"]


def test_a_row_of_one_that_is_not_saved_is_refused(board: Board) -> None:
    new = Board(slug="new")
    card = Card(board=new, client_id="1", title="title", seq=1, rev=1)
    with pytest.raises(ValueError, match="unsaved related object 'board'"):
        insert([card])
    new.save()
    insert([card])
    assert Card.objects.get(pk=card.pk).board == new


def test_rows_are_increased_as_by_an_update(board: Board) -> None:
    other = Board.objects.create(slug="other", last_rev=7)
    increase(Board, [board.pk, other.pk], {"last_rev": 2, "pruned_rev": 5})
    Board.objects.filter(pk=other.pk).update(last_rev=F("last_rev") + 2)
    rows = Board.objects.order_by("pk").values_list("last_rev", "pruned_rev")
    assert list(rows) == [(152, 5), (11, 5)]


def test_fields_of_another_table_are_increased_there(db: None) -> None:
    journal = Journal.objects.create(slug="year", last_rev=1)
    increase(Journal, [journal.pk], {"last_rev": 2})
    journal.refresh_from_db()
    assert journal.last_rev == 3
