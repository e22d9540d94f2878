"""Recipients in portions: however many there are, only one portion is in memory."""

from collections.abc import Iterable, Iterator

from django.db.models import QuerySet

from accounts.models import User

CHUNK_PEOPLE = 500

Recipients = QuerySet[User] | Iterable[User | int]


def in_chunks(recipients: Recipients) -> Iterator[list[int]]:
    """The ids of `recipients`, ascending, each once, by `CHUNK_PEOPLE`.

    A queryset is read a portion at a time, and must not be sliced.
    """
    return _of_queryset(recipients) if isinstance(recipients, QuerySet) else _of_ids(recipients)


def _of_queryset(people: QuerySet[User]) -> Iterator[list[int]]:
    ids = people.order_by("pk").values_list("pk", flat=True)
    last = 0
    while chunk := list(dict.fromkeys(ids.filter(pk__gt=last)[:CHUNK_PEOPLE])):
        yield chunk
        last = chunk[-1]


def _of_ids(recipients: Iterable[User | int]) -> Iterator[list[int]]:
    ids = sorted({each if isinstance(each, int) else each.pk for each in recipients})
    for start in range(0, len(ids), CHUNK_PEOPLE):
        yield ids[start : start + CHUNK_PEOPLE]
