"""Usernames and display names: which are valid, and their initials."""

import re
import unicodedata
from functools import lru_cache

from django.core.exceptions import ValidationError

USERNAME_LENGTH = 40
DISPLAY_NAME_LENGTH = 60

# Begins and ends with a letter, digit or underscore, so that "thanks @ada." mentions ada.
USERNAME_PATTERN = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?"

_username = re.compile(USERNAME_PATTERN, re.ASCII)
_separators = re.compile(r"[\s._-]+")

# Controls, surrogates, line breaks, and the marks that change the direction of text, with which a
# name could garble the words beside it. Joiners are allowed: emoji and many scripts need them.
_REFUSED_CATEGORIES = {"Cc", "Cs", "Zl", "Zp"}
_REFUSED_MARKS = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def validate_username(username: str) -> None:
    """Allow letters, digits, and . _ - inside, so that @username can be a mention."""
    if not _username.fullmatch(username):
        raise ValidationError(
            "A username has letters from a to z, digits, and inside it also dots and hyphens.",
            code="invalid",
        )


def validate_display_name(name: str) -> None:
    """Allow any text in one line, without control characters."""
    if any(
        unicodedata.category(character) in _REFUSED_CATEGORIES or character in _REFUSED_MARKS
        for character in name
    ):
        raise ValidationError(
            "A name is one line of text without control characters.", code="invalid"
        )


def tidy(name: str) -> str:
    """The name in Unicode's composed form, with single spaces."""
    return " ".join(unicodedata.normalize("NFC", name).split())


@lru_cache(maxsize=10_000)  # rosters and lists of members show the same people again and again
def initials(name: str) -> str:
    """The first letters of the first and the last word."""
    words = [word for word in _separators.split(name) if word]
    ends = words[:1] + words[1:][-1:]
    return "".join(_first_letter(word) for word in ends).upper()


def _first_letter(word: str) -> str:
    return next((character for character in word if character.isalnum()), word[0])
