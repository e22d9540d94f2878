"""Text that people enter: checked before it reaches a query; its emoji and its mentions."""

import re
from collections.abc import Callable
from string import ascii_letters, digits

from django.contrib.humanize.templatetags.humanize import intcomma
from django.core.exceptions import ValidationError
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.names import tidy
from realtime.protocol import ErrorCode, Refusal
from realtime.text import clean_text, validate_line, validate_text

BODY_CHARACTERS = 4_000
BODY_LINES = 400
"""A longer column of short lines is nothing but height."""
CLIENT_ID_CHARACTERS = 64
NAME_CHARACTERS = 80
MOST_TYPED_CHARACTERS = 1_000  # of a name, with spaces that go
ABOUT_CHARACTERS = 300
ABOUT_LINES = 10
EMOJI_CODE_POINTS = 16  # the longest sequences join four people, each with a skin tone

# One emoji by Unicode's grammar for sequences (UTS #51, section 1.4.9).
_PICTURE = (
    r"[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u24c2\u25a0-\u27bf"
    r"\u2900-\u297f\u2b00-\u2bff\u3030\u303d\u3297\u3299"
    r"\U0001f000-\U0001f1e5\U0001f200-\U0001f3fa\U0001f400-\U0001faff]"
)
_ELEMENT = rf"{_PICTURE}(?:\ufe0f|[\U0001f3fb-\U0001f3ff])?"
_FLAG = r"[\U0001f1e6-\U0001f1ff]{2}"
_KEYCAP = r"[0-9#*]\ufe0f?\u20e3"
_REGIONAL_FLAG = r"\U0001f3f4[\U000e0020-\U000e007e]{2,8}\U000e007f"
_EMOJI = re.compile(rf"{_REGIONAL_FLAG}|{_FLAG}|{_KEYCAP}|{_ELEMENT}(?:\u200d{_ELEMENT})*")

_NAME_ENDS = frozenset(ascii_letters + digits + "_")
_NAME = _NAME_ENDS | {".", "-"}
_SCHEMES = ("https://", "http://")
_SPACES = " \t\n\x0b\x0c\r\xa0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff" + "".join(
    map(chr, range(0x2000, 0x200B))
)
_ENDS_LINK = frozenset(f'{_SPACES}<>"、。，！？；：')  # noqa: RUF001
_AFTER_LINK = frozenset(".,:;!?'’”»")  # noqa: RUF001
_BRACKETS = dict(zip(")]}）】」』》", "([{（【「『《", strict=True))  # noqa: RUF001


def clean_body(body: str) -> str:
    """A message's text as it is kept.

    Raises:
        Refusal: `invalid`, it is empty or cannot be stored; `too_large`.
    """
    body = _checked(clean_text, body, _("A message: %(why)s"))
    if not body:
        raise Refusal(ErrorCode.INVALID, _("A message cannot be empty."))
    detail = _("A message has at most %(most)s characters, and this has %(number)s.")
    _check_size(len(body), BODY_CHARACTERS, detail)
    detail = _("A message has at most %(most)s lines, and this has %(number)s.")
    _check_size(body.count("\n") + 1, BODY_LINES, detail)
    return body


def clean_name(name: str) -> str:
    """A room's name on one line.

    Raises:
        Refusal: `invalid` or `too_large`.
    """
    name = tidy(name[:MOST_TYPED_CHARACTERS])
    name = _checked(validate_line, name, _("A room's name: %(why)s"))
    detail = _("A room's name has at most %(most)s characters, and this has %(number)s.")
    _check_size(len(name), NAME_CHARACTERS, detail)
    return name


def clean_about(about: str) -> str:
    """A room's description; may be empty.

    Raises:
        Refusal: `invalid` or `too_large`.
    """
    about = _checked(clean_text, about, _("A room's description: %(why)s"))
    detail = _("A room's description has at most %(most)s characters, and this has %(number)s.")
    _check_size(len(about), ABOUT_CHARACTERS, detail)
    detail = _("A room's description has at most %(most)s lines, and this has %(number)s.")
    _check_size(about.count("\n") + 1, ABOUT_LINES, detail)
    return about


def check_client_id(client_id: str) -> None:
    """Check a sender's own name for a message.

    Raises:
        Refusal: `invalid`, it is empty, too long or cannot be stored.
    """
    if not 1 <= len(client_id) <= CLIENT_ID_CHARACTERS:
        detail = _("A client_id has 1 to %(most)s characters.") % {"most": CLIENT_ID_CHARACTERS}
        raise Refusal(ErrorCode.INVALID, detail)
    _checked(validate_text, client_id, _("A client_id: %(why)s"))


def is_emoji(text: str) -> bool:
    """Whether `text` is one emoji."""
    return len(text) <= EMOJI_CODE_POINTS and _EMOJI.fullmatch(text) is not None


def username_at(text: str, at: int, last_end: int) -> str:
    """The name after the @ at `at`; empty if this mentions nobody.

    A name is taken as a whole. Nobody is mentioned within a word, as in an e-mail address, nor in
    the address of a page. Scripts without capitals, such as Japanese, write no spaces around a
    name, so their letters may stand next to it.

    Args:
        last_end: where the last mention ended: "@ada/@grace" names two.
    """
    before = text[at - 1] if at else " "
    if before in _NAME or before in "@/" or _is_of_a_word(before):
        listed = at - 1 == last_end and before in "/.-"
        if not listed:
            return ""
    length, end = len(text), at + 1
    while end < length and text[end] in _NAME:
        end += 1
    while end > at + 1 and text[end - 1] in ".-":
        end -= 1
    after = text[end] if end < length else " "
    if end == at + 1 or text[at + 1] not in _NAME_ENDS or after == "@" or _is_of_a_word(after):
        return ""
    return text[at + 1 : end]


def scheme_before(text: str, at: int) -> str:
    """The scheme, http or https, whose colon is at `at`; empty if there is none."""
    before = text[max(at - len("https"), 0) : at].lower()
    return next((scheme for scheme in ("https", "http") if before.endswith(scheme)), "")


def end_of_link(text: str, at: int) -> int:
    """The end of the address that begins at `at`; 0 if none does.

    The punctuation of the sentence around it is not part of it: "(see https://example.com/a)."
    """
    if at and text[at - 1] in _NAME_ENDS:
        return 0
    beginning = text[at : at + len("https://")].lower()
    scheme = next((each for each in _SCHEMES if beginning.startswith(each)), "")
    if not scheme:
        return 0
    start = end = at + len(scheme)
    length, unopened = len(text), dict.fromkeys(_BRACKETS.values(), 0)
    while end < length and (character := text[end]) not in _ENDS_LINK:
        if character in unopened:
            unopened[character] -= 1
        elif character in _BRACKETS:
            unopened[_BRACKETS[character]] += 1
        end += 1
    while end > start:
        last = text[end - 1]
        if last in _BRACKETS and unopened[_BRACKETS[last]] > 0:
            unopened[_BRACKETS[last]] -= 1
        elif last not in _AFTER_LINK:
            break
        end -= 1
    return end if end > start else 0


def _is_of_a_word(character: str) -> bool:
    """Whether it belongs to a word that a name beside it would run into, as é and к do."""
    if not "\x80" <= character <= "\uffff":
        return False
    return "\u0300" <= character <= "\u036f" or character.lower() != character.upper()


def _checked(check: Callable[[str], str | None], text: str, detail: Promise) -> str:
    try:
        cleaned = check(text)
    except ValidationError as error:
        raise Refusal(ErrorCode.INVALID, detail % {"why": error.message}) from None
    return text if cleaned is None else cleaned


def _check_size(number: int, most: int, detail: Promise) -> None:
    if number > most:
        values = {"most": intcomma(most), "number": intcomma(number)}
        raise Refusal(ErrorCode.TOO_LARGE, detail % values)
