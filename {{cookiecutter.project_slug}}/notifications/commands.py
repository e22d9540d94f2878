"""What a client may ask of its notifications: each command's data (see docs/protocol.md)."""

from typing import Annotated

from msgspec import Meta, Struct

from notifications.queries import PAGE_NOTIFICATIONS
from realtime.protocol import Revision, Text, TopicName

LONGEST_PAGE_NOTIFICATIONS = 100


class _Command(Struct, forbid_unknown_fields=True):
    pass


class GetList(_Command):
    before: Revision | None = None
    limit: Annotated[int, Meta(ge=1, le=LONGEST_PAGE_NOTIFICATIONS)] = PAGE_NOTIFICATIONS


class One(_Command):
    id: Revision


class Read(_Command):
    """One notification, or all of a target: one of the two."""

    id: Revision | None = None
    target: TopicName | None = None


class All(_Command):
    pass


class GetChanges(_Command):
    since: Revision
    epoch: Text
