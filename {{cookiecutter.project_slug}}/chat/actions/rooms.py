"""Rooms themselves: making, naming and ending them."""

import secrets
from collections.abc import Iterator

from django.db import transaction
from django.utils.text import slugify

from accounts.models import User
from chat import notifications
from chat.actions.people import publish_rooms_changed
from chat.models import Membership, Room
from chat.queries import membership_of
from chat.text import clean_about, clean_name
from presence import actions as presence
from realtime.delivery.publishing import dismiss, publish
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
        room = _make_under_free_slug(by, about_room)
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
        room = changes.feed
        return _rename(room, name, about)


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
            dismiss(room.group, user_id, CloseCode.NOT_FOUND, "This room was deleted.")
            presence.room_left(user_id, room.slug)
            publish_rooms_changed(user_id)
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
    with transaction.atomic():
        # Of two who start at once, the unique key lets one make the room; the other gets it.
        room, created = Room.objects.get_or_create(
            direct_key=_direct_key(user, other),
            defaults={
                "slug": f"direct-{secrets.token_hex(8)}",
                "kind": Room.Kind.DIRECT,
                "created_by": user,
            },
        )
        if created:
            _seat(room, user, other)
    return room


def _make_under_free_slug(by: User, about_room: dict[str, str]) -> Room:
    for slug in _slugs(about_room["name"]):
        if slug in RESERVED_SLUGS:
            continue
        room, created = Room.objects.get_or_create(
            slug=slug, defaults={**about_room, "created_by": by}
        )
        if created:
            return room
    raise AssertionError("slugs do not end")


def _slugs(name: str) -> Iterator[str]:
    base = slugify(name)[:SLUG_CHARACTERS].strip("-_") or "room"
    yield base
    while True:
        yield f"{base}-{secrets.token_hex(2)}"


def _rename(room: Room, name: str, about: str) -> Room:
    if room.is_direct:
        raise Refusal(ErrorCode.CONFLICT, "A direct conversation has its people's names.")
    room.name, room.about = clean_name(name), clean_about(about)
    room.save(update_fields=["name", "about"])
    publish(room.topic, "room.updated", {"room": room.as_data()})
    return room


def _direct_key(user: User, other: User) -> str:
    return ":".join(str(pk) for pk in sorted((user.pk, other.pk)))


def _seat(room: Room, *users: User) -> None:
    Membership.objects.bulk_create(Membership(room=room, user=user) for user in users)
    for user in users:
        publish_rooms_changed(user.pk)
