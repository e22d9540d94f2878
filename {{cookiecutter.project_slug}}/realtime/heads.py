"""Head revisions: what each app's topics stand at, told to sockets so that a lost event shows."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import NamedTuple

Heads = Callable[[list[str]], dict[str, int]]


class _Provider(NamedTuple):
    heads: Heads
    topic: str | None


_providers: dict[str, _Provider] = {}


def heads(prefix: str, topic: str | None = None) -> Callable[[Heads], Heads]:
    """Register the function that knows the heads of the audiences named `prefix:...`.

    It is synchronous, is called with the audiences that have a socket in this process and answers
    in one query.

    Args:
        prefix: the part of the audience before the colon.
        topic: the topic that the sockets know the audience by, where that is not its own name.
    """

    def register(function: Heads) -> Heads:
        _providers[prefix] = _Provider(function, topic)
        return function

    return register


def current_heads(audiences: Iterable[str]) -> list[tuple[str, str, int]]:
    """(audience, topic, head) of those `audiences` that have one; one query per prefix."""
    by_prefix: dict[str, list[str]] = defaultdict(list)
    for audience in audiences:
        prefix = audience.partition(":")[0]
        if prefix in _providers:
            by_prefix[prefix].append(audience)
    return [
        (audience, _providers[prefix].topic or audience, head)
        for prefix, names in by_prefix.items()
        for audience, head in _providers[prefix].heads(names).items()
    ]
