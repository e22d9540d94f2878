"""Ways out of the site, such as web push: each is given what was just told to people."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from notifications.models import Notification


class _Outlet(NamedTuple):
    enqueue: Callable[[Sequence[Notification]], None]
    flush: Callable[[], object]


_outlets: list[_Outlet] = []


def register(
    enqueue: Callable[[Sequence[Notification]], None], *, flush: Callable[[], object]
) -> None:
    """Add a way out.

    Args:
        enqueue: called with every few hundred rows that their people want brought to them, in the
            transaction that writes these rows and while it locks their people: it writes down what
            is to be done.
        flush: does what is written down; called by commands before they end.
    """
    _outlets.append(_Outlet(enqueue, flush))


def deliver(notifications: Sequence[Notification]) -> None:
    for outlet in _outlets:
        outlet.enqueue(notifications)


def flush() -> None:
    for outlet in _outlets:
        outlet.flush()
