"""Text that people enter: checked before it reaches a query; its emoji and its mentions."""

import re

from accounts.names import USERNAME_PATTERN
from realtime.protocol import ErrorCode, Refusal

BODY_CHARACTERS = 4_000
CLIENT_ID_CHARACTERS = 64
NAME_CHARACTERS = 80
ABOUT_CHARACTERS = 300
EMOJI_CODE_POINTS = 16  # the longest sequences join four people, each with a skin tone
MENTIONS_PER_MESSAGE = 20

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

# Not within a word, so that an e-mail address mentions nobody; the username is taken as a whole.
_MENTION = re.compile(rf"(?<![\w.@-])@((?>{USERNAME_PATTERN}))(?![\w@])")


def clean_body(body: str) -> str:
    """A message's text without the space around it.

    Raises:
        Refusal: `invalid`, it is empty or cannot be stored; `too_large`.
    """
    return _clean("A message", body, BODY_CHARACTERS)


def clean_name(name: str) -> str:
    """A room's name on one line.

    Raises:
        Refusal: `invalid` or `too_large`.
    """
    return _clean("A room's name", " ".join(name.split()), NAME_CHARACTERS)


def clean_about(about: str) -> str:
    """A room's description; may be empty.

    Raises:
        Refusal: `invalid` or `too_large`.
    """
    return _clean("A room's description", about, ABOUT_CHARACTERS) if about.strip() else ""


def check_client_id(client_id: str) -> None:
    """Check a sender's own name for a message.

    Raises:
        Refusal: `invalid`, it is empty, too long or cannot be stored.
    """
    if not 1 <= len(client_id) <= CLIENT_ID_CHARACTERS:
        raise Refusal(ErrorCode.INVALID, f"A client_id has 1 to {CLIENT_ID_CHARACTERS} characters.")
    _storable("A client_id", client_id)


def is_emoji(text: str) -> bool:
    """Whether `text` is one emoji."""
    return len(text) <= EMOJI_CODE_POINTS and _EMOJI.fullmatch(text) is not None


def mentioned_usernames(body: str) -> list[str]:
    """The usernames in `body` that follow an @: each once, in the order of the text."""
    names = dict.fromkeys(match[1].lower() for match in _MENTION.finditer(body))
    return list(names)[:MENTIONS_PER_MESSAGE]


def _clean(what: str, text: str, longest: int) -> str:
    text = text.strip()
    if not text:
        raise Refusal(ErrorCode.INVALID, f"{what} cannot be empty.")
    if len(text) > longest:
        raise Refusal(
            ErrorCode.TOO_LARGE,
            f"{what} has at most {longest:,} characters, and this has {len(text):,}.",
        )
    return _storable(what, text)


def _storable(what: str, text: str) -> str:
    """PostgreSQL stores no NUL, and half of a surrogate pair is not UTF-8."""
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise Refusal(ErrorCode.INVALID, f"{what} has characters that are not text.")
    return text
