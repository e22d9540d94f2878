"""What a client may ask of a room: the data of each command's frame (see docs/protocol.md)."""

from typing import Annotated

from msgspec import Meta, Struct

from chat.queries import PAGE_MESSAGES
from realtime.protocol import Revision, ShortText, Text

LONGEST_PAGE_MESSAGES = 200


class _Command(Struct, forbid_unknown_fields=True):
    pass


class SendMessage(_Command):
    client_id: ShortText
    body: Text
    reply_to: Revision | None = None


class EditMessage(_Command):
    seq: Revision
    body: Text


class DeleteMessage(_Command):
    seq: Revision


class ToggleReaction(_Command):
    seq: Revision
    emoji: ShortText


class Typing(_Command):
    pass


class Read(_Command):
    seq: Revision


class GetHistory(_Command):
    before: Revision | None = None
    limit: Annotated[int, Meta(ge=1, le=LONGEST_PAGE_MESSAGES)] = PAGE_MESSAGES


class GetChanges(_Command):
    since: Revision
    epoch: Text
