"""The kinds of notifications there are: each is registered by the app that raises it.

    register(
        Kind(
            name="chat.mention",
            title="Mentions",
            text="{actor} mentioned you in {room}",
            link="/rooms/{slug}/",
        )
    )

belongs in the `ready` of that app. Texts and links are made when they are shown, out of the row's
`data`, so they may change their words at any time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from notifications.levels import Level

if TYPE_CHECKING:
    from notifications.models import Notification

Wording = str | Callable[["Notification"], str]
"""A format string over the row's data, `actor` and `count`, or a function of the row."""

NOBODY = "Someone"


class UnknownKind(LookupError):
    """No app has registered this kind."""

    def __init__(self, name: str) -> None:
        known = ", ".join(sorted(_kinds)) or "none"
        super().__init__(
            f"There is no kind of notification called {name!r}; there are: {known}. "
            "Register it in the ready() of the app that raises it, see notifications/kinds.py."
        )


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of notification.

    Args:
        name: `app.what_happened`; it is stored with each row.
        title: what the settings page calls it, in the plural.
        text: one line of plain text that says what happened.
        link: where it leads: a path on this site, or https; may be empty.
        excerpt: a second line, such as the beginning of a message; may be empty.
        default: the level of those who have not chosen one.
        personal: whether it is meant for its recipient, and not merely happened where they listen.
        groups: whether several unread ones of the same target fold into one.
        icon: a symbol of static/icons.svg, shown where there is no actor.
    """

    name: str
    title: str
    text: Wording
    link: Wording = ""
    excerpt: Wording = ""
    default: Level = Level.EVERYTHING
    personal: bool = True
    groups: bool = True
    icon: str = "bell"


_kinds: dict[str, Kind] = {}


def register(kind: Kind) -> None:
    """Make a kind known, once.

    Raises:
        ValueError: another kind has this name.
    """
    if _kinds.setdefault(kind.name, kind) != kind:
        raise ValueError(f"There is another kind of notification called {kind.name!r}.")


def get(name: str) -> Kind:
    """The kind of that name.

    Raises:
        UnknownKind: there is none.
    """
    try:
        return _kinds[name]
    except KeyError:
        raise UnknownKind(name) from None


def known() -> list[Kind]:
    """Every kind, by title; those that are meant for their recipients first."""
    return sorted(_kinds.values(), key=lambda kind: (not kind.personal, kind.title))


def kind_of(notification: "Notification") -> Kind:
    """The row's kind; a stand-in where the app that raised it is gone."""
    gone = Kind(notification.kind, title=notification.kind, text="Something happened")
    return _kinds.get(notification.kind, gone)


def word(wording: Wording, notification: "Notification") -> str:
    """`wording` filled in for one row.

    Raises:
        KeyError: the row's data lacks something that the wording names.
    """
    if callable(wording):
        return wording(notification)
    actor = notification.actor.name if notification.actor else NOBODY
    return wording.format_map({**notification.data, "actor": actor, "count": notification.count})
