"""The colours of people, on each of which white initials can be read."""

import re
from hashlib import sha256

from django.core.exceptions import ValidationError

COLORS = [
    ("#c92a2a", "Red"),
    ("#bf4310", "Orange"),
    ("#8f5f00", "Amber"),
    ("#55730b", "Olive"),
    ("#2b7a35", "Green"),
    ("#087f5b", "Teal"),
    ("#0b7285", "Cyan"),
    ("#1c6cb5", "Blue"),
    ("#3b5bdb", "Indigo"),
    ("#6741d9", "Violet"),
    ("#9c36b5", "Purple"),
    ("#c2255c", "Pink"),
]

READABLE_CONTRAST = 4.5  # WCAG 2.2, success criterion 1.4.3

_hex = re.compile(r"#[0-9a-f]{6}")


def color_for(username: str) -> str:
    """The default colour of a username, always the same one."""
    digest = sha256(username.encode()).digest()
    return COLORS[digest[0] % len(COLORS)][0]


def validate_color(color: str) -> None:
    """Allow `#rrggbb` on which white text can be read."""
    if not _hex.fullmatch(color):
        raise ValidationError("A colour is written as #rrggbb, in lower case.", code="invalid")
    if contrast_with_white(color) < READABLE_CONTRAST:
        raise ValidationError(
            "This colour is too light for white initials. Choose a darker one.", code="too_light"
        )


def contrast_with_white(color: str) -> float:
    """The contrast ratio of `#rrggbb` with white, from 1 to 21, as WCAG 2 defines it."""
    red, green, blue = (_linear(int(color[at : at + 2], 16) / 255) for at in (1, 3, 5))
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return 1.05 / (luminance + 0.05)


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4
