"""Which figures a run takes: every work, its sizes and its contestants."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial

from bench import fanout, memory, messages, storm
from bench.contestants import HUB, OURS, SERVERS, SOCKET_IO, WS, Contestant, tutorial
from bench.figures import Figure
from bench.stage import Stage

PARTS = ("fanout", "messages", "memory", "storm", "processes")
TUTORIALS = tuple(tutorial(server) for server in SERVERS)
SIGNED_IN = tuple(tutorial(server, signs_in=True) for server in SERVERS)
KEEPING = tuple(tutorial(server, keeps=True) for server in SERVERS)


@dataclass(frozen=True)
class Sizes:
    rooms: tuple[int, ...]
    idle_sockets: int
    storm_sockets: int
    seconds: float


QUICK = Sizes(rooms=(1_000,), idle_sockets=2_000, storm_sockets=1_000, seconds=2)
FULL = Sizes(rooms=(200, 1_000, 5_000), idle_sockets=10_000, storm_sockets=5_000, seconds=5)


@dataclass(frozen=True)
class Step:
    """One figure to take. What is compared with each other is measured close in time."""

    part: str
    contestant: Contestant
    measure: Callable[[Stage], Awaitable[Figure]]


def steps(sizes: Sizes) -> Iterator[Step]:
    yield from _fanout(sizes)
    yield from _messages(sizes)
    yield from _memory(sizes)
    yield from _storm(sizes)
    yield from _processes(sizes)


def _fanout(sizes: Sizes) -> Iterator[Step]:
    kinds = {
        fanout.WHISPERS: (*TUTORIALS, *SIGNED_IN, SOCKET_IO, WS, HUB, *OURS),
        fanout.MESSAGES: (*KEEPING, *OURS),
    }
    for kind, contestants in kinds.items():
        for size in sizes.rooms:
            for who in contestants:
                work = fanout.Fanout(size, kind, sizes.seconds)
                yield Step("fanout", who, partial(fanout.measure, contestant=who, work=work))


def _messages(sizes: Sizes) -> Iterator[Step]:
    for database in messages.DATABASES:
        for setting in (messages.HOT, messages.SPREAD):
            work = messages.Writing(setting, database, sizes.seconds)
            for who in (*KEEPING, *OURS):
                yield Step("messages", who, partial(messages.measure, contestant=who, work=work))


def _memory(sizes: Sizes) -> Iterator[Step]:
    for who in (SOCKET_IO, *SIGNED_IN, *OURS):
        measure = partial(memory.measure, contestant=who, sockets=sizes.idle_sockets)
        yield Step("memory", who, measure)


def _storm(sizes: Sizes) -> Iterator[Step]:
    for who in (*SIGNED_IN, *OURS):
        measure = partial(storm.measure, contestant=who, sockets=sizes.storm_sockets)
        yield Step("storm", who, measure)


def _processes(sizes: Sizes) -> Iterator[Step]:
    size = 1_000 if 1_000 in sizes.rooms else sizes.rooms[0]
    for who in OURS:
        for processes in (1, 2):
            work = fanout.Fanout(size, fanout.WHISPERS, sizes.seconds, processes)
            yield Step(
                "processes", who, partial(fanout.measure_processes, contestant=who, work=work)
            )
