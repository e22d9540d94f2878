"""Statements that are kept do what the ORM's own do."""

import pytest
from django.db.models import F, Model
from pytest_django import DjangoAssertNumQueries

from realtime.lookups import Lookup, increase
from realtime.starting.boards.models import Board, Card

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


def test_rows_are_increased_as_by_an_update(board: Board) -> None:
    other = Board.objects.create(slug="other", last_rev=7)
    increase(Board, [board.pk, other.pk], {"last_rev": 2, "pruned_rev": 5})
    Board.objects.filter(pk=other.pk).update(last_rev=F("last_rev") + 2)
    rows = Board.objects.order_by("pk").values_list("last_rev", "pruned_rev")
    assert list(rows) == [(152, 5), (11, 5)]
