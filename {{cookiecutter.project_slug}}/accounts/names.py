"""Usernames and display names: which are valid, and their initials."""

import re
import unicodedata
from functools import cache, lru_cache

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from realtime.text import validate_line, without_invisible

USERNAME_LENGTH = 40
DISPLAY_NAME_LENGTH = 60

# Begins and ends with a letter, digit or underscore, so that "thanks @ada." mentions ada.
USERNAME_PATTERN = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?"

_username = re.compile(USERNAME_PATTERN, re.ASCII)
_separators = re.compile(r"[\s._-]+")

# What looks like a Latin letter, small or as capitals. I, l and 1 are alike in many fonts.
_LOOKALIKES = str.maketrans(
    "авекмнорстухѕіјһԁԛԝүӏαβεζηικμνορτυχϲϳօոսհցզıɑɡ",
    "abekmhopctyxsijhdqwyiabezhikmnoptyxcjonuhgqiag",
) | str.maketrans("l1|0", "iiio")
_SPELLINGS = {"i": "[il1]", "o": "[o0]"}  # of letters in a username
LOOK_CHARACTERS = 200
DELETED_NAME = _("Deleted user")
RESERVED_NAMES = (DELETED_NAME, _("Nobody"), _("Someone"), _("You"))
"""What pages and notifications say where they name nobody in particular."""


def validate_username(username: str) -> None:
    """Allow letters, digits, and . _ - inside, so that @username can be a mention."""
    if not _username.fullmatch(username):
        raise ValidationError(
            _("A username has letters from a to z, digits, and inside it also dots and hyphens."),
            code="invalid",
        )


def validate_display_name(name: str) -> None:
    """Allow one line of text that can be seen, see `realtime.text`."""
    validate_line(name)


def tidy(name: str) -> str:
    """The name in Unicode's composed form, with single spaces.

    Bound its length first: the time that this takes grows with the square of the marks in a row.
    """
    return " ".join(unicodedata.normalize("NFC", name).split())


def look(name: str) -> str:
    """What the name looks like: the same for names that could be taken for each other.

    Capitals, invisible characters, fonts, and characters that look like Latin letters, such as
    Cyrillic ones, make no difference. (After Unicode's `skeleton`, UTS #39, without its whole
    table.)
    """
    name = without_invisible(unicodedata.normalize("NFKC", without_invisible(name)))
    return tidy(name.casefold().translate(_LOOKALIKES))[:LOOK_CHARACTERS]


@cache
def reserved_looks() -> frozenset[str]:
    """The looks of reserved names, in all languages, since a site may change its own."""
    looks: set[str] = set()
    for language, _name in settings.LANGUAGES:
        with override(language):
            looks.update(look(str(name)) for name in RESERVED_NAMES)
    return frozenset(looks)


def username_pattern(looks: str) -> str:
    """A regular expression that finds the usernames of this look."""
    return "^" + "".join(_SPELLINGS.get(each, re.escape(each)) for each in looks) + "$"


@lru_cache(maxsize=10_000)  # rosters and lists of members show the same people again and again
def initials(name: str) -> str:
    """The first letters of the first and the last word."""
    words = [word for word in _separators.split(name) if word]
    ends = words[:1] + words[1:][-1:]
    return "".join(_first_letter(word) for word in ends).upper()


def _first_letter(word: str) -> str:
    return next((character for character in word if character.isalnum()), word[0])
