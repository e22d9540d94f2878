"""Rooms themselves: making, naming and ending them."""

import secrets

from django.db import transaction
from django.utils.text import slugify

from accounts.models import User
from chat import notifications
from chat.actions.people import publish_rooms_changed, turn_out
from chat.models import Membership, Room
from chat.queries import membership_of
from chat.text import clean_about, clean_name
from realtime.delivery.publishing import publish
from realtime.protocol import CloseCode, ErrorCode, Refusal

SLUG_CHARACTERS = 40
RESERVED_SLUGS = {"new"}  # /rooms/new/ is a page of its own


def create_room(by: User, *, name: str, about: str = "", kind: str = Room.Kind.PUBLIC) -> Room:
    """Make a public or a private room with its maker as owner; its address outlasts its name.

    Raises:
        Refusal: `invalid`, `too_large`.
    """
    if kind not in (Room.Kind.PUBLIC, Room.Kind.PRIVATE):
        raise Refusal(ErrorCode.INVALID, "A room is public or private.")
    about_room = {"name": clean_name(name), "about": clean_about(about), "kind": kind}
    with transaction.atomic():
        room = _make_room(by, about_room)
        Membership.objects.create(room=room, user=by, role=Membership.Role.OWNER)
        publish_rooms_changed(by.pk)
    return room


def update_room(room: Room, by: User, *, name: str, about: str) -> Room:
    """Give a room another name and description, as one of its moderators.

    Raises:
        Refusal: `invalid`, `too_large`, `forbidden`, `not_found`, `conflict` (the room is direct).
    """
    with room.changing() as changes:
        room = changes.feed
        if not membership_of(by, room).may_moderate:
            raise Refusal(ErrorCode.FORBIDDEN, "Only the room's moderators can change it.")
        return _rename(room, name, about)


def amend_room(room: Room, *, name: str, about: str) -> Room:
    """Rename a room on behalf of the site rather than of a member: for the admin.

    Raises:
        Refusal: `invalid`, `too_large`, `not_found`, `conflict` (the room is direct).
    """
    with room.changing() as changes:
        return _rename(changes.feed, name, about)


def delete_room(room: Room) -> None:
    """End a room, with everything that was said in it: for the admin.

    Raises:
        Refusal: `not_found`, it is gone already.
    """
    with room.changing() as changes:
        room = changes.feed
        user_ids = set(room.memberships.values_list("user", flat=True))
        user_ids |= set(room.invitations.values_list("user", flat=True))
        room.delete()
        for user_id in user_ids:
            turn_out(room, user_id, CloseCode.NOT_FOUND, "This room was deleted.")
        notifications.room_deleted(room)


def start_direct(user: User, other: User) -> Room:
    """The one direct room of two people, made when it is first asked for.

    Raises:
        Refusal: `conflict` (oneself), `not_found` (no such active person).
    """
    if user.pk == other.pk:
        raise Refusal(ErrorCode.CONFLICT, "You cannot start a direct conversation with yourself.")
    if not other.is_active:
        raise Refusal(ErrorCode.NOT_FOUND, "There is no such person.")
    lower, higher = sorted((user.pk, other.pk))
    with transaction.atomic():
        # Of two who start at once, the unique key lets one make the room; the other gets it.
        room, created = Room.objects.get_or_create(
            direct_key=f"{lower}:{higher}",
            defaults={
                "slug": f"direct-{secrets.token_hex(8)}",
                "kind": Room.Kind.DIRECT,
                "created_by": user,
            },
        )
        if created:
            for person in (user, other):
                Membership.objects.create(room=room, user=person)
                publish_rooms_changed(person.pk)
    return room


def _make_room(by: User, about_room: dict[str, str]) -> Room:
    """A room with an address of its own, which is its name's where that is free."""
    base = slugify(about_room["name"])[:SLUG_CHARACTERS].strip("-_") or "room"
    slug = base
    while True:
        if slug not in RESERVED_SLUGS:
            room, created = Room.objects.get_or_create(
                slug=slug, defaults={**about_room, "created_by": by}
            )
            if created:
                return room
        slug = f"{base}-{secrets.token_hex(2)}"


def _rename(room: Room, name: str, about: str) -> Room:
    if room.is_direct:
        raise Refusal(ErrorCode.CONFLICT, "A direct conversation has its people's names.")
    room.name, room.about = clean_name(name), clean_about(about)
    room.save(update_fields=["name", "about"])
    publish(room.topic, "room.updated", {"room": room.as_data()})
    return room
