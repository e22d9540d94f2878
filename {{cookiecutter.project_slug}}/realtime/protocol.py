"""The wire: frames, error codes and close codes, written once (see docs/protocol.md)."""

import json
import re
from collections.abc import Callable
from enum import IntEnum, StrEnum
from typing import Annotated

import msgspec
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

PROTOCOL = "realtime.v1"
TICKET_PREFIX = "ticket."
ID_CHARACTERS = 64


class ErrorCode(StrEnum):
    """Why a frame was refused; the socket stays open."""

    INVALID = "invalid"
    UNKNOWN_TYPE = "unknown_type"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    RATE_LIMITED = "rate_limited"
    TOO_LARGE = "too_large"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"


class CloseCode(IntEnum):
    """Why a socket was closed, and by that what its client should do."""

    NORMAL = 1000
    GOING_AWAY = 1001
    TOO_BIG = 1009
    FAILURE = 1011
    RESTART = 1012
    OVERLOAD = 1013
    TOO_SLOW = 4008
    FLOODING = 4029
    UNAUTHENTICATED = 4401
    FORBIDDEN = 4403
    NOT_FOUND = 4404
    VERSION = 4409


class Refusal(Exception):
    """A request that is not granted; it reaches the client as an `error` frame or a 4xx response.

    Args:
        code: what went wrong, for programs.
        detail: what happened, why and what to do, for people; a lazy text is translated here.
        retry_after: seconds after which the same request may be granted.
    """

    def __init__(
        self, code: ErrorCode, detail: str | Promise, retry_after: float | None = None
    ) -> None:
        super().__init__(str(detail))
        self.code = code
        self.detail = str(detail).encode(errors="replace").decode()  # some are no Unicode
        self.retry_after = retry_after


class Closing(Exception):
    """Raised by a consumer to turn its client away for good.

    Args:
        reason: what the client is told, in 123 bytes at most.
        explanation: what is logged, if the client need not know it.
    """

    def __init__(self, code: CloseCode, reason: str, explanation: str = "") -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.explanation = explanation or reason


# No text with a NUL is let in: PostgreSQL has no place for it.
ShortText = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"\A[^\x00]*\Z")]
Text = Annotated[str, Meta(pattern=r"\A[^\x00]*\Z")]
Slug = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"\A[-a-zA-Z0-9_]+\Z")]
TopicName = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"\A[-\w:.@]+\Z")]
# Integers that JavaScript and every database keep exactly.
Revision = Annotated[int, Meta(ge=0, le=2**53 - 1)]


class ClientFrame(Struct):
    """A frame as a client sends it."""

    type: Annotated[str, Meta(min_length=1, max_length=64)]
    id: Annotated[str, Meta(max_length=ID_CHARACTERS)] | None = None
    topic: Annotated[str, Meta(max_length=128)] | None = None
    data: Raw = Raw(b"{}")


class _ServerFrame(Struct):
    topic: str | None
    type: str
    data: object
    id: str | UnsetType | None = UNSET
    rev: int | UnsetType = UNSET


class Error(Struct):
    """The data of `error`."""

    code: ErrorCode
    detail: str
    retry_after: float | UnsetType = UNSET


class Left(Struct):
    """The data of `left`: a topic of a shared socket has ended, as a socket of its own would."""

    code: CloseCode
    reason: str


class Nothing(Struct):
    """Empty data."""


event_checks: list[Callable[[str, str, str], None]] = []
"""Called with the topic, the type and the text of each event: see `realtime.contract.checking`."""

_frames = msgspec.json.Decoder(ClientFrame)
_encoder = msgspec.json.Encoder()
_half_pair = re.compile(r"\\u[dD][89a-fA-F]")


class BadFrame(Refusal):
    """A frame that could not be read; `frame_id` is its id where that much could be."""

    def __init__(self, detail: str, frame_id: str | None) -> None:
        super().__init__(ErrorCode.INVALID, detail)
        self.frame_id = frame_id


def decode_frame(payload: str | None) -> ClientFrame:
    """Read a client's frame.

    Raises:
        BadFrame: `payload` is not JSON, or not a frame; or None, for a binary message.
    """
    if payload is None:
        raise BadFrame(_("Frames are text, not binary."), None)
    try:
        return _frames.decode(payload)
    except msgspec.ValidationError as error:
        detail = _("This is not a frame: %(error)s") % {"error": error}
        raise BadFrame(detail, _readable_id(payload)) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        detail = _("This is not JSON that can be read.")
        if _half_pair.search(payload):
            detail = _("This has half of a character, as a cut emoji leaves it. Write it again.")
        raise BadFrame(detail, _readable_id(payload)) from None


def encode(
    topic: str | None,
    type: str,
    data: object,
    rev: int | None = None,
    frame_id: str | UnsetType | None = UNSET,
) -> str:
    """The text of an event; or, with a `frame_id`, of the answer to that frame."""
    frame = _ServerFrame(topic, type, data, frame_id, UNSET if rev is None else rev)
    text = _encoder.encode(frame).decode()
    if frame_id is UNSET and topic is not None:
        for check in event_checks:
            check(topic, type, text)
    return text


def encode_refusal(topic: str | None, frame_id: str | None, refusal: Refusal) -> str:
    """The text of an `error` frame."""
    retry_after = UNSET if refusal.retry_after is None else round(refusal.retry_after, 3)
    error = Error(refusal.code, refusal.detail, retry_after)
    return encode(topic, "error", error, frame_id=frame_id)


def _readable_id(payload: str) -> str | None:
    """The id of a frame that is refused: Python's own reader takes more than msgspec does."""
    try:
        frame = json.loads(payload)
        frame_id = frame.get("id") if isinstance(frame, dict) else None
        if isinstance(frame_id, str) and len(frame_id) <= ID_CHARACTERS:
            frame_id.encode()
            return frame_id
    except (ValueError, RecursionError):
        pass
    return None
