"""Which figures a round takes: every work, its sizes and its contestants."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial

from bench import fanout, joining, messages, scaling, storm
from bench.contestants import (
    DATABASES,
    HUB,
    KEEPING,
    OURS,
    SIGNED_IN,
    SOCKET_IO,
    SOCKET_IO_KEEPING,
    TUTORIALS,
    WS,
    Contestant,
)
from bench.figures import Figure
from bench.stage import Stage


@dataclass(frozen=True)
class Sizes:
    room: int
    sockets: int
    """In the storm, and joining by one topic."""
    pages: int
    processes: tuple[int, ...]
    seconds: float
    """How long each rate is measured."""


PUBLISHED = Sizes(1_000, 5_000, 600, (1, 2, 4, 8), seconds=2)
TINY = Sizes(300, 300, 100, (1, 2), seconds=0.5)

UVICORN = (*KEEPING[1:], *OURS[1:])
"""Both on the quicker of their servers, where a row of each would take too long."""

Measure = Callable[[Stage, Contestant], Awaitable[Figure]]
Entries = Iterator[tuple[Measure, tuple[Contestant, ...]]]


@dataclass(frozen=True)
class Step:
    """One figure to take. What is compared with each other is measured close in time."""

    part: str
    contestant: Contestant
    measure: Measure


def steps(sizes: Sizes) -> Iterator[Step]:
    for part, entries in PARTS.items():
        for measure, contestants in entries(sizes):
            for who in contestants:
                yield Step(part, who, measure)


def _fanout(sizes: Sizes) -> Entries:
    typing = fanout.Fanout(sizes.room, False, sizes.seconds)
    yield partial(fanout.measure, work=typing), (*TUTORIALS, SOCKET_IO, WS, HUB, *OURS)
    durable = fanout.Fanout(sizes.room, True, sizes.seconds, "postgres")
    yield partial(fanout.measure, work=durable), _keeping("postgres")


def _messages(sizes: Sizes) -> Entries:
    for database in DATABASES:
        for setting in (messages.HOT, messages.SPREAD):
            work = messages.Writing(setting, database, sizes.seconds)
            yield partial(messages.measure, work=work), _keeping(database)


def _latency(sizes: Sizes) -> Entries:
    for database in DATABASES:
        for setting in (messages.PACED_CROWD, messages.PACED_ROOMS):
            work = messages.Writing(setting, database, sizes.seconds * 2)
            yield partial(messages.measure, work=work), (WS, *_keeping(database, UVICORN))


def _sender(sizes: Sizes) -> Entries:
    for database in DATABASES:
        work = messages.Writing(messages.SENDER, database, sizes.seconds)
        yield partial(messages.measure_sender, work=work), _keeping(database, UVICORN)


def _joining(sizes: Sizes) -> Entries:
    topic = joining.Joining(sizes.sockets, "sqlite")
    yield partial(joining.measure, work=topic), (SOCKET_IO, *SIGNED_IN, *OURS)
    for database in DATABASES:
        for rooms in (1, 10):
            work = joining.Joining(sizes.pages, database, rooms)
            yield (
                partial(joining.measure, work=work),
                _keeping(database, (*SIGNED_IN[1:], *OURS[1:])),
            )


def _storm(sizes: Sizes) -> Entries:
    yield partial(storm.measure, sockets=sizes.sockets), (SOCKET_IO, *SIGNED_IN, *OURS)


def _scaling(sizes: Sizes) -> Entries:
    for processes in sizes.processes:
        measure = partial(
            scaling.measure,
            processes=processes,
            size=sizes.room,
            pages=sizes.pages,
            seconds=sizes.seconds,
        )
        yield measure, OURS[1:]


def _keeping(
    database: str, django: tuple[Contestant, ...] = (*KEEPING, *OURS)
) -> tuple[Contestant, ...]:
    """Those that keep messages in this database: Socket.IO in PostgreSQL alone."""
    peers = (SOCKET_IO_KEEPING,) if database == "postgres" else ()
    return (*peers, *django)


PARTS = {
    "fanout": _fanout,
    "messages": _messages,
    "latency": _latency,
    "sender": _sender,
    "joining": _joining,
    "storm": _storm,
    "scaling": _scaling,
}
