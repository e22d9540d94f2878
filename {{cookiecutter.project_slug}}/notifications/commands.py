"""What a client may ask of its notifications: each command's data (see docs/protocol.md)."""

from typing import Annotated

from msgspec import Meta, Struct

from notifications.queries import PAGE_NOTIFICATIONS
from realtime.protocol import Revision, Text

LONGEST_PAGE_NOTIFICATIONS = 100

Target = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"\A[-\w:.@]+\Z")]


class _Command(Struct, forbid_unknown_fields=True):
    pass


class GetList(_Command):
    before: Revision | None = None
    limit: Annotated[int, Meta(ge=1, le=LONGEST_PAGE_NOTIFICATIONS)] = PAGE_NOTIFICATIONS


class One(_Command):
    id: Revision


class All(_Command):
    pass


class Look(_Command):
    target: Target | None


class GetChanges(_Command):
    since: Revision
    epoch: Text
