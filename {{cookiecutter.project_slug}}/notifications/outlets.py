"""Ways out of the site, such as web push: each is given what was just told to people."""

from collections.abc import Callable, Sequence

from notifications.models import Notification

Outlet = Callable[[Sequence[Notification]], None]

_outlets: list[Outlet] = []


def register(outlet: Outlet) -> None:
    """Have `outlet` called with every few hundred rows that their people want brought to them.

    It is called in the transaction that writes them, and the rows' people are locked: it writes
    down what is to be done, and does it later.
    """
    _outlets.append(outlet)


def deliver(notifications: Sequence[Notification]) -> None:
    for outlet in _outlets:
        outlet(notifications)
