"""The kinds of notifications: each is registered by the app that raises it.

    register(Kind("shop.sold", _("Sales"), _("{actor} bought {item}"), link="/sales/"))

belongs in the `ready` of that app, or in a module that its `ready` imports, with `gettext_lazy` as
`_`. Texts and links are made when they are shown, from the row's `data`, so their words may change
at any time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.db.models import TextChoices
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from realtime.text import plain, validate_line

if TYPE_CHECKING:
    from notifications.models import Notification

Text = str | Promise
Wording = Text | Callable[["Notification"], str]
"""A format string over the row's data, `actor` and `count`, or a function of the row."""

TEXT_CHARACTERS = 300
ANNOUNCEMENT = "announcement"
"""The kind of what the site's own people tell everyone, or some (`manage.py notify`)."""


class Level(TextChoices):
    """How much a person wants to hear of one kind, wherever it comes from."""

    EVERYTHING = "everything", _("Always")
    """Listed, and brought to them: shown on the desktop, pushed, e-mailed when it stays unread."""
    QUIET = "quiet", _("Quietly")
    """Listed and counted, no more."""
    NOTHING = "nothing", _("Never")


class TargetLevel(TextChoices):
    """How much a person wants to hear of one target, such as a room, whatever the kind."""

    EVERYTHING = "everything", _("Everything")
    MENTIONS = "mentions", _("Mentions")
    """Only what is meant for this person. So it is where they have set nothing."""
    NOTHING = "nothing", _("Nothing")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of notification.

    Args:
        name: `app.what_happened`; it is stored with each row.
        title: what the settings page calls it, in the plural.
        text: one line of plain text that says what happened.
        link: where it leads: a path on this site, or https. Where it is empty, a notification
            leads to the page of its target, if that has one.
        excerpt: a second line, such as the beginning of a message; may be empty.
        default: the level of those who have not chosen one.
        personal: whether it is meant for its recipient, and not merely happened where they listen.
        groups: whether several unread ones of the same target fold into one; or a name, by which
            those of all targets do.
        icon: a symbol of static/icons.svg, shown where there is no actor.
    """

    name: str
    title: Text
    text: Wording
    link: Wording = ""
    excerpt: Wording = ""
    default: Level = Level.EVERYTHING
    personal: bool = True
    groups: bool | str = True
    icon: str = "bell"


class UnknownKind(LookupError):
    """No app has registered this kind."""


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
    if kind := _kinds.get(name):
        return kind
    raise UnknownKind(
        f"There is no kind of notification called {name!r}; there are: "
        f"{', '.join(sorted(_kinds)) or 'none'}. Register it in a module that the ready() of its "
        "app imports, see notifications/kinds.py."
    )


def known() -> list[Kind]:
    """Every kind, by title; those that are meant for their recipients first."""
    return sorted(_kinds.values(), key=lambda kind: (not kind.personal, str(kind.title)))


def kind_of(notification: "Notification") -> Kind:
    """The row's kind; a stand-in where the app that raised it is gone."""
    name = notification.kind
    return _kinds.get(name) or Kind(name, title=name, text=_("Something happened"))


def word(wording: Wording, notification: "Notification") -> str:
    """`wording` filled in for one row.

    Raises:
        KeyError: the row's data lacks something that the wording names.
    """
    if not isinstance(wording, str | Promise):
        return wording(notification)
    actor = notification.actor.name if notification.actor else str(_("Someone"))
    named = {**notification.data, "actor": actor, "count": notification.count}
    return str(wording).format_map(named)


def line(wording: Wording, notification: "Notification") -> str:
    """`wording` filled in, on one line; empty where the row's data is older than its wording."""
    try:
        return " ".join(plain(word(wording, notification)).split())
    except (KeyError, AttributeError, IndexError, ValueError):
        return ""


def is_link(text: str) -> bool:
    """Whether `text` is a path on this site or the address of a page.

    Browsers read `//host` and `/\\host` as addresses of other sites, so these are no paths.
    """
    if "\\" in text or text.startswith("//"):
        return False
    return text.startswith(("/", "https://", "http://"))


def validate_link(link: str) -> None:
    validate_line(link)
    if not is_link(link):
        raise ValidationError(
            _("Give a path of this site, such as /people/, or an https:// address.")
        )


register(Kind(ANNOUNCEMENT, _("Announcements"), "{text}", link="{link}", groups=False, icon="info"))
