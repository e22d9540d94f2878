"""What chat tells the sockets: every event it publishes, on the commit of what it tells of."""

from collections.abc import Iterable, Mapping

from accounts.models import User
from chat.models import Invitation, Membership, Room
from chat.topics import INBOX, inbox_topic
from chat.wire import MessageData, member_data, room_data
from presence import actions as presence
from realtime.delivery.publishing import Event, dismiss, publish, publish_many
from realtime.protocol import CloseCode


def messages_posted(messages: Iterable[tuple[Room, MessageData]]) -> None:
    for room, message in messages:
        publish(room.topic, "message.created", message, rev=message.rev)


def message_updated(room: Room, message: MessageData) -> None:
    publish(room.topic, "message.updated", message, rev=message.rev)


def message_deleted(room: Room, message: MessageData) -> None:
    publish(room.topic, "message.deleted", message, rev=message.rev)


def typing(room: Room, user: User) -> None:
    publish(room.topic, "typing", {"user": user.as_person()})


def read(room: Room, readers: Mapping[int, int]) -> None:
    """Tell the room how far some people have read; `readers` has each one's place, by their id."""
    for user_id, seq in readers.items():
        publish(room.topic, "read", {"user_id": user_id, "seq": seq})


def read_privately(room: Room, readers: Mapping[int, int]) -> None:
    """Tell nobody but each person's own sockets."""
    publish_many(
        room.topic,
        (
            Event(inbox_topic(user_id), "read", {"user_id": user_id, "seq": seq})
            for user_id, seq in readers.items()
        ),
    )


def room_updated(room: Room) -> None:
    publish(room.topic, "room.updated", {"room": room_data(room)})


def room_deleted(room: Room, user_ids: Iterable[int]) -> None:
    for user_id in user_ids:
        dismiss(room.topic, user_id, CloseCode.NOT_FOUND, "This room was deleted.")
        presence.room_left(user_id, room.slug)
        rooms_changed(user_id)


def member_joined(membership: Membership) -> None:
    publish(membership.room.topic, "member.joined", {"member": member_data(membership)})
    rooms_changed(membership.user_id)


def member_updated(membership: Membership) -> None:
    publish(membership.room.topic, "member.updated", {"member": member_data(membership)})


def member_left(room: Room, user: User, reason: str) -> None:
    publish(room.topic, "member.left", {"user_id": user.pk})
    dismiss(room.topic, user.pk, CloseCode.FORBIDDEN, reason)
    presence.room_left(user.pk, room.slug)
    rooms_changed(user.pk)


def invited(invitation: Invitation) -> None:
    rooms_changed(invitation.user_id)


def rooms_changed(user_id: int) -> None:
    """Tell a person's own sockets that their list of rooms or invitations is another now."""
    publish(INBOX, "rooms.changed", {}, group=inbox_topic(user_id))
    presence.rooms_changed(user_id)
