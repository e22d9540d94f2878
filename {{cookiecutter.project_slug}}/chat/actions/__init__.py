"""The verbs of chat: the only code that writes its tables.

Each is synchronous, does its work in one transaction, tells the sockets on commit and raises
`realtime.protocol.Refusal` for what is not allowed. Call them from views, consumers (through
`in_database`), the admin and commands alike. Where `by` may be None, that is the site itself, which
may do everything and pays for nothing.
"""

from chat.actions.attachments import storage_failed, upload
from chat.actions.growing import (
    begin_message,
    finish_message,
    grow_message,
    stop_message,
)
from chat.actions.messages import (
    Draft,
    Reading,
    delete_message,
    edit_message,
    mark_read,
    mark_readings,
    post_message,
    post_messages,
    toggle_reaction,
)
from chat.actions.rooms import (
    accept_invitation,
    add_bot,
    change_role,
    create_room,
    decline_invitation,
    delete_room,
    enter,
    follow_link,
    invite,
    leave_room,
    lift_ban,
    make_link,
    remove_member,
    set_archived,
    start_direct,
    transfer_room,
    update_room,
    withdraw_invitation,
    withdraw_link,
)

__all__ = [
    "Draft",
    "Reading",
    "accept_invitation",
    "add_bot",
    "begin_message",
    "change_role",
    "create_room",
    "decline_invitation",
    "delete_message",
    "delete_room",
    "edit_message",
    "enter",
    "finish_message",
    "follow_link",
    "grow_message",
    "invite",
    "leave_room",
    "lift_ban",
    "make_link",
    "mark_read",
    "mark_readings",
    "post_message",
    "post_messages",
    "remove_member",
    "set_archived",
    "start_direct",
    "stop_message",
    "storage_failed",
    "toggle_reaction",
    "transfer_room",
    "update_room",
    "upload",
    "withdraw_invitation",
    "withdraw_link",
]
