"""What notifications can come from, by key: `chat:general` is the room general.

The app that a prefix belongs to says which targets a person can follow, so that this one need not
know what a room is, and nobody learns of one that is out of their reach.
"""

from collections.abc import Callable, Collection
from typing import NamedTuple

from accounts.models import User
from realtime.protocol import ErrorCode, Refusal


class Target(NamedTuple):
    """Something that a person can follow."""

    key: str
    name: str


Followed = Callable[[User, Collection[str] | None], list[Target]]

_prefixes: dict[str, Followed] = {}


def targets(prefix: str) -> Callable[[Followed], Followed]:
    """Register the function that lists the targets `prefix:...` that a person can follow.

    It is given the person and the keys to look among, or None for all of them; it leaves out what
    does not exist and what is out of the person's reach alike.
    """

    def register(function: Followed) -> Followed:
        _prefixes[prefix] = function
        return function

    return register


def followed_by(user: User) -> list[Target]:
    """Everything that the user can follow."""
    return [target for followed in _prefixes.values() for target in followed(user, None)]


def target_for(user: User, key: str) -> Target:
    """The target of that key.

    Raises:
        Refusal: `not_found`, there is none within the user's reach.
    """
    followed = _prefixes.get(key.partition(":")[0])
    found = followed(user, [key]) if followed else []
    if not found:
        raise Refusal(ErrorCode.NOT_FOUND, f"There is no {key} that you can follow.")
    return found[0]
