"""What chat accepts as text: everything is cleaned here before it reaches a query."""

from chat.emoji import is_emoji
from realtime.protocol import ErrorCode, Refusal

BODY_CHARACTERS = 4_000
CLIENT_ID_CHARACTERS = 64
NAME_CHARACTERS = 80
ABOUT_CHARACTERS = 300


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
    """What a room says about itself; may be empty.

    Raises:
        Refusal: `invalid` or `too_large`.
    """
    return _clean("A room's description", about, ABOUT_CHARACTERS) if about.strip() else ""


def clean_client_id(client_id: str) -> str:
    """A sender's own name for a message, exactly as it was given.

    Raises:
        Refusal: `invalid`, it is empty, too long or cannot be stored.
    """
    if not 1 <= len(client_id) <= CLIENT_ID_CHARACTERS:
        raise Refusal(ErrorCode.INVALID, f"A client_id has 1 to {CLIENT_ID_CHARACTERS} characters.")
    return _storable("A client_id", client_id)


def clean_emoji(emoji: str) -> str:
    """One emoji.

    Raises:
        Refusal: `invalid`, it is something else.
    """
    if not is_emoji(emoji):
        raise Refusal(ErrorCode.INVALID, "A reaction is one emoji.")
    return emoji


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
    """PostgreSQL has no place for a NUL, and half of a surrogate pair is not UTF-8."""
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise Refusal(ErrorCode.INVALID, f"{what} has characters that are not text.")
    return text
