"""The colours of people, on each of which white initials can be read."""

from hashlib import sha256

from django.utils.translation import gettext_lazy as _

COLORS = [
    ("#c92a2a", _("Red")),
    ("#bf4310", _("Orange")),
    ("#8f5f00", _("Amber")),
    ("#55730b", _("Olive")),
    ("#2b7a35", _("Green")),
    ("#087f5b", _("Teal")),
    ("#0b7285", _("Cyan")),
    ("#1c6cb5", _("Blue")),
    ("#3b5bdb", _("Indigo")),
    ("#6741d9", _("Violet")),
    ("#9c36b5", _("Purple")),
    ("#c2255c", _("Pink")),
]


def color_for(username: str) -> str:
    """The default colour of a username, always the same one."""
    digest = sha256(username.encode()).digest()
    return COLORS[digest[0] % len(COLORS)][0]
