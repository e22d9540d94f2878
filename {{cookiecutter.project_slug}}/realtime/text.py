"""The rule for text that people enter and others see, whichever way it comes in.

Names are one line: what could mislead in them is refused. Messages are many lines: what could
mislead is taken out, since people paste them from elsewhere. Joiners, emoji sequences, flags and
every script stay as they are.
"""

import re
import unicodedata

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

MARKS_IN_A_ROW = 6
"""Combining marks on one letter. Tibetan and pointed Hebrew need five; a tower of them covers the
lines around it (UTS #39, section 5.4)."""
EMPTY_LINES_IN_A_ROW = 2

# Line breaks apart, these have no place in text: controls, and what steers the direction of the
# text around it. The marks U+200E, U+200F and U+061C steer nothing beyond themselves.
_CONTROLS = r"\x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f"
_DIRECTIONS = r"\u202a-\u202e\u2066-\u206f\ufff9-\ufffb"
_MARKS_OF_DIRECTION = r"\u061c\u200e\u200f"
_BREAKS = r"\t\n\x0b-\x0d\x1c-\x1e\x85\u2028\u2029"
# Unicode's Default_Ignorable_Code_Point, and characters that are drawn as nothing.
_JOINERS = r"\u180b-\u180f\u200c\u200d\ufe00-\ufe0f"
_BLANKS = (
    r"\xad\u034f\u115f\u1160\u17b4\u17b5\u200b\u2060-\u2065\u2800\u3164\ufeff\uffa0\ufff0-\ufff8"
    r"\ufffc\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_INVISIBLE = _CONTROLS + _DIRECTIONS + _MARKS_OF_DIRECTION + _JOINERS + _BLANKS

_not_text = re.compile(r"[\x00\ud800-\udfff]")
_taken_out = re.compile(f"[{_CONTROLS}{_DIRECTIONS}]+")
_visible = re.compile(rf"[^\s{_INVISIBLE}]")
_invisible = re.compile(f"[{_INVISIBLE}]+")
_regional_flag = re.compile(r"\U0001f3f4[\U000e0020-\U000e007e]{1,8}\U000e007f")
_refused_in_a_line = re.compile(
    f"[{_CONTROLS}{_DIRECTIONS}{_MARKS_OF_DIRECTION}{_BREAKS}{_BLANKS}]"
)


def validate_text(text: str) -> None:
    """Refuse what no database stores: PostgreSQL takes no NUL, and UTF-8 no half of a pair."""
    if _not_text.search(text):
        raise ValidationError(
            _("This has characters that are not text, such as half of an emoji. Write it again."),
            code="invalid",
        )


def validate_line(text: str) -> None:
    """Refuse what could make a name look empty, like another's, or garble the words beside it."""
    validate_text(text)
    if _refused_in_a_line.search(_regional_flag.sub("", text)):
        raise ValidationError(
            _("Write one line of text, without invisible characters and marks of direction."),
            code="invalid",
        )
    if not is_visible(text):
        raise ValidationError(_("Write something that can be seen."), code="invalid")
    if text != without_towers(text):
        detail = _("A letter has at most %(count)s marks on it.") % {"count": MARKS_IN_A_ROW}
        raise ValidationError(detail, code="invalid")


def clean_text(text: str) -> str:
    """Text of many lines as it is kept; empty if there is nothing to be seen.

    Raises:
        ValidationError: it cannot be stored.
    """
    validate_text(text)
    lines: list[str] = []
    empty = 0
    for line in map(plain, text.splitlines()):
        empty = 0 if is_visible(line) else empty + 1
        if empty <= EMPTY_LINES_IN_A_ROW:
            lines.append("" if empty else line)
    return "\n".join(lines).strip()


def plain(text: str) -> str:
    """The text without controls, steered directions and towers of marks."""
    return without_towers(_taken_out.sub("", text))


def is_visible(text: str) -> bool:
    return _visible.search(text) is not None


def without_invisible(text: str) -> str:
    return _invisible.sub("", text)


def without_towers(text: str) -> str:
    """The text with at most `MARKS_IN_A_ROW` combining marks in a row."""
    if text.isascii():
        return text
    kept: list[str] = []
    marks = 0
    for character in text:
        category = unicodedata.category(character)
        if category in ("Mn", "Me"):
            marks += 1
        elif category != "Cf":  # a joiner between two marks begins no new letter
            marks = 0
        if marks <= MARKS_IN_A_ROW:
            kept.append(character)
    return "".join(kept)
