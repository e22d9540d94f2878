"""The data of presence's commands (see docs/protocol.md)."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from realtime.protocol import Revision, Slug

ROSTER_PEOPLE = 500  # a frame of about 70 kB
ASKED_PEOPLE = 100
PAGE_PEOPLE = 100  # where the client does not say

UserId = Annotated[int, Meta(ge=1, le=2**53 - 1)]
Limit = Annotated[int, Meta(ge=1, le=ROSTER_PEOPLE)]
After = Annotated[int, Meta(ge=0, le=2**53 - 1)]


class SetState(Struct, forbid_unknown_fields=True):
    state: Literal["online", "away"]


class SetVisibility(Struct, forbid_unknown_fields=True):
    hidden: bool


class GetRooms(Struct, forbid_unknown_fields=True):
    pass


class InRoom(Struct, forbid_unknown_fields=True):
    room: Slug


class GetRoomRoster(Struct, forbid_unknown_fields=True):
    """A page of the roster of one of several rooms."""

    room: Slug
    after: After = 0
    limit: Limit = PAGE_PEOPLE


class GetRoster(Struct, forbid_unknown_fields=True):
    """A page of the one room's roster."""

    after: After = 0
    limit: Limit = PAGE_PEOPLE


class GetPeople(Struct, forbid_unknown_fields=True):
    ids: Annotated[list[UserId], Meta(max_length=ASKED_PEOPLE)]


class GetChanges(Struct, forbid_unknown_fields=True):
    """Asked when events are missing; rosters have no history, so the answer is a whole page."""

    since: Revision
    epoch: str | None = None
