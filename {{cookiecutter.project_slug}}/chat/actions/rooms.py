"""Rooms and their people: making, naming and ending rooms; entering, inviting, leaving, roles."""

import secrets
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import transaction
from django.db.models import Case, IntegerField, Value, When
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _

from accounts.models import User
from chat import signals
from chat.actions.attachments import enqueue_pruning
from chat.budgets import (
    CONVERSATIONS,
    INVITATIONS,
    INVITATIONS_OF_ONE,
    JOINS,
    MODERATION,
    ROOMS,
)
from chat.models import (
    MODERATORS,
    OWNERS,
    Ban,
    BanEvent,
    Invitation,
    Membership,
    Room,
    room_list_topic,
)
from chat.queries import (
    REMOVED,
    check_may_join,
    check_not_banned,
    check_open,
    is_banned,
    membership_of,
    room_of_link,
)
from chat.text import check_client_id, clean_about, clean_name
from realtime.delivery.publishing import dismiss, publish
from realtime.protocol import CloseCode, ErrorCode, Refusal
from realtime.topics import topic_left, topics_changed

Role = Membership.Role

SLUG_CHARACTERS = 40
LINK_BYTES = 16
LINK_LIFETIME = timedelta(days=7)
RESERVED_SLUGS = {"new"}  # /rooms/new/ is a page of its own


def create_room(
    by: User,
    *,
    name: str,
    about: str = "",
    kind: str = Room.Kind.PUBLIC,
    client_id: str | None = None,
) -> Room:
    """Make a public or a private room with its maker as owner; its address outlasts its name.

    Args:
        client_id: the maker's own id for it: a retry with the same one returns the first room.

    Raises:
        Refusal: `invalid`, `too_large`, `rate_limited`.
    """
    if kind not in (Room.Kind.PUBLIC, Room.Kind.PRIVATE):
        raise Refusal(ErrorCode.INVALID, _("A room is public or private."))
    name, about = clean_name(name), clean_about(about)
    if client_id is not None:
        check_client_id(client_id)
    with transaction.atomic():
        # One maker makes one room at a time, so that a retry finds the first.
        User.objects.select_for_update(no_key=True).get(pk=by.pk)
        made = client_id and Room.objects.filter(created_by=by, client_id=client_id).first()
        if made:
            return made
        ROOMS.spend(by)
        room = _make_room(by, name, about=about, kind=kind, client_id=client_id)
        Membership.objects.create(room=room, user=by, role=Role.OWNER)
        publish_rooms_changed(by.pk)
    return room


def update_room(room: Room, by: User | None, *, name: str, about: str) -> Room:
    """Give a room another name and description, as one of its moderators.

    Raises:
        Refusal: `invalid`, `too_large`, `forbidden`, `not_found`, `conflict` (the room is direct),
            `rate_limited`.
    """
    with _locked(room) as room:
        _require_role(room, by, MODERATORS, _("Only the room's moderators can change it."))
        if room.is_direct:
            raise Refusal(ErrorCode.CONFLICT, _("A direct conversation has its people's names."))
        room.name, room.about = clean_name(name), clean_about(about)
        room.save(update_fields=["name", "about"])
        publish(room.topic, "room.updated", {"room": room.as_data()})
        signals.room_renamed.send(Room, room=room)
        return room


def set_archived(room: Room, by: User | None, *, archived: bool) -> None:
    """Let nobody write in a room any more, or let people again, as one of its owners.

    Harmless where it is so already.

    Raises:
        Refusal: `forbidden`, `not_found` (the room is gone), `conflict` (the room is direct),
            `rate_limited`.
    """
    with _locked(room) as room:
        _refuse_direct(room)
        _require_role(room, by, OWNERS, _("Only an owner of the room can archive it."))
        if bool(room.archived_at) != archived:
            room.archived_at = timezone.now() if archived else None
            room.save(update_fields=["archived_at"])
            publish(room.topic, "room.updated", {"room": room.as_data()})


def transfer_room(room: Room, by: User, person: User) -> None:
    """Make a member the owner in one's own place; who did so stays as a member.

    Raises:
        Refusal: `forbidden`, `not_found` (they are not in the room), `conflict` (oneself, a bot,
            or an inactive account), `rate_limited`.
    """
    with _locked(room) as room:
        _require_role(room, by, OWNERS, _("Only an owner of the room can hand it over."))
        heir = _present(room, person)
        if person == by or person.is_bot or not heir.user.is_active:
            raise Refusal(ErrorCode.CONFLICT, _("Choose another person, whose account is active."))
        _set_role(heir, Role.OWNER)
        _set_role(membership_of(by, room), Role.MEMBER)


def delete_room(room: Room, by: User | None = None) -> None:
    """End a room, with everything that was said in it, as one of its owners.

    Raises:
        Refusal: `forbidden`, `not_found` (it is gone already), `conflict` (the room is direct).
    """
    with _locked(room) as room:
        if by:
            _refuse_direct(room)
            _require_role(room, by, OWNERS, _("Only an owner of the room can delete it."))
        close(room)


def start_direct(user: User, other: User) -> Room:
    """The one direct room of two people, made when it is first asked for.

    Raises:
        Refusal: `conflict` (oneself), `not_found` (no such active person), `rate_limited`.
    """
    if user.pk == other.pk:
        raise Refusal(
            ErrorCode.CONFLICT, _("You cannot start a direct conversation with yourself.")
        )
    if not other.is_active:
        raise Refusal(ErrorCode.NOT_FOUND, _("There is no such person."))
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
            CONVERSATIONS.spend(user)
            for person in (user, other):
                Membership.objects.create(room=room, user=person)
                publish_rooms_changed(person.pk)
    return room


def enter(room: Room, user: User) -> Membership:
    """The user's membership; in a public room, whoever comes becomes a member.

    Raises:
        Refusal: `forbidden` (not a member, and the room is not public or they were removed from
            it), `not_found`, `rate_limited`.
    """
    membership = Membership.objects.filter(room=room, user=user).first()
    if membership is not None:
        return membership
    with _locked(room) as room:
        check_may_join(room, user)
        return _admit(room, user)


def invite(room: Room, by: User, person: User) -> Invitation:
    """Invite someone: any member may to a public room, its moderators to a private one.

    Whoever was removed from a public room is invited by its moderators only, and may then come in.

    Raises:
        Refusal: `forbidden`, `not_found` (no such active person), `conflict` (the room is direct,
            or archived, or they are in it), `rate_limited`.
    """
    with _locked(room) as room:
        _refuse_direct(room)
        check_open(room)
        membership = membership_of(by, room)
        if not membership.may_invite:
            raise Refusal(ErrorCode.FORBIDDEN, _("Only the room's moderators can invite people."))
        if not person.is_active:
            raise Refusal(ErrorCode.NOT_FOUND, _("There is no such person."))
        if person.is_bot:
            raise Refusal(ErrorCode.CONFLICT, _("The room's moderators add bots in its settings."))
        if Membership.objects.filter(room=room, user=person).exists():
            detail = _("%(name)s is in this room already.") % {"name": person.name}
            raise Refusal(ErrorCode.CONFLICT, detail)
        if not membership.may_moderate and is_banned(room, person):
            detail = _("%(name)s was removed from this room: only its moderators can invite them.")
            raise Refusal(ErrorCode.FORBIDDEN, detail % {"name": person.name})
        invitation, created = Invitation.objects.get_or_create(
            room=room, user=person, defaults={"invited_by": by}
        )
        if created:
            INVITATIONS.spend(by)
            INVITATIONS_OF_ONE.spend(by, of=person.pk)
            publish_rooms_changed(person.pk)
            signals.person_invited.send(Room, invitation=invitation)
        return invitation


def add_bot(room: Room, by: User | None, bot: User) -> Room:
    """Make a bot a member, as one of the room's moderators. Adding it twice is harmless.

    Returns the room as it is under its lock, which an open transaction of the caller's keeps.

    Raises:
        Refusal: `forbidden`, `not_found` (the room is gone), `conflict` (the room is direct),
            `rate_limited`.
    """
    with _locked(room) as room:
        _refuse_direct(room)
        _require_role(room, by, MODERATORS, _("Only the room's moderators can add bots."))
        _admit(room, bot, by)
        return room


def accept_invitation(room: Room, user: User) -> Membership:
    """Become a member by invitation. Accepting twice is harmless.

    Raises:
        Refusal: `not_found` (there is no invitation), `rate_limited`.
    """
    with _locked(room) as room:
        if member := _member(room, user):
            return member
        if not room.invitations.filter(user=user).exists():
            raise Refusal(ErrorCode.NOT_FOUND, _("There is no such invitation any more."))
        return _admit(room, user)


def decline_invitation(room: Room, user: User) -> None:
    """Turn an invitation down. Declining twice is harmless.

    Raises:
        Refusal: `not_found`, the room is gone.
    """
    with _locked(room) as room:
        for invitation in room.invitations.filter(user=user):
            withdraw(invitation)
        close_if_deserted(room)


def withdraw_invitation(room: Room, by: User, person: User) -> None:
    """Take an invitation back: one's own, or any as a moderator. Doing so twice is harmless.

    Raises:
        Refusal: `forbidden`, `not_found` (the room is gone).
    """
    with _locked(room) as room:
        membership = membership_of(by, room)
        for invitation in room.invitations.filter(user=person):
            if invitation.invited_by_id != by.pk and not membership.may_moderate:
                detail = _("Only the room's moderators can take this back.")
                raise Refusal(ErrorCode.FORBIDDEN, detail)
            withdraw(invitation)


def make_link(room: Room, by: User) -> None:
    """Make a room's invitation link anew, as one of its moderators: the former one ends.

    Raises:
        Refusal: `forbidden`, `not_found` (the room is gone), `conflict` (the room is direct
            or archived), `rate_limited`.
    """
    _set_link(room, by, secrets.token_urlsafe(LINK_BYTES))


def withdraw_link(room: Room, by: User) -> None:
    """End a room's invitation link, as one of its moderators; harmless where there is none.

    Raises:
        Refusal: as `make_link`, but for an archived room.
    """
    _set_link(room, by, None)


def follow_link(code: str, user: User) -> Room:
    """Become a member by an invitation link. Following it twice is harmless.

    Raises:
        Refusal: `not_found` (the link has ended), `forbidden` (they were removed from the room),
            `rate_limited`.
    """
    with room_of_link(code).changing():
        room = room_of_link(code)  # as it is under its lock
        if not room.memberships.filter(user=user).exists():
            check_not_banned(room, user)
            _admit(room, user)
        return room


def remove_member(room: Room, by: User | None, person: User) -> None:
    """Put someone out of a room: moderators remove members, owners also moderators.

    They cannot come back before a moderator invites them or lifts the ban.
    Removing twice is harmless.

    Raises:
        Refusal: `forbidden`, `not_found` (the room is gone), `conflict` (oneself, or the room is
            direct), `rate_limited`.
    """
    with _locked(room) as room:
        _refuse_direct(room)
        _require_role(room, by, MODERATORS, _("Only the room's moderators can remove people."))
        member = _member(room, person)
        if member is None:
            return
        if by is not None:
            _refuse_removal(member, membership_of(by, room))
        if Ban.objects.get_or_create(room=room, user=person, defaults={"banned_by": by})[1]:
            BanEvent.objects.create(room=room.slug, user=person, by=by, what=BanEvent.What.BANNED)
        _remove(member, str(REMOVED) if room.is_public else _("You were removed from this room."))


def lift_ban(room: Room, by: User | None, person: User) -> None:
    """Let someone join a room again, as one of its moderators; harmless where they may.

    Raises:
        Refusal: `forbidden`, `not_found` (the room is gone), `rate_limited`.
    """
    with _locked(room) as room:
        _require_role(room, by, MODERATORS, _("Only the room's moderators can let people back in."))
        _lift(room, person, by)


def leave_room(room: Room, user: User) -> None:
    """Leave a room. Its last owner hands it to the longest-standing moderator, or else member.

    A private room without members and invitations is deleted: nobody can enter it any more. Leaving
    twice is harmless.

    Raises:
        Refusal: `conflict` (the room is direct), `not_found` (it is gone).
    """
    with _locked(room) as room:
        _refuse_direct(room)
        if member := _member(room, user):
            _remove(member, _("You left this room."))


def change_role(room: Room, by: User, person: User, role: str) -> Membership:
    """Give someone another role: owners do, to all but other owners; themselves if not the last.

    Raises:
        Refusal: `invalid` (no such role), `forbidden`, `not_found` (they are not in the room),
            `conflict` (the room is direct, or would have no owner), `rate_limited`.
    """
    if role not in Role.values:
        raise Refusal(ErrorCode.INVALID, _("A role is owner, moderator or member."))
    with _locked(room) as room:
        _refuse_direct(room)
        giver = membership_of(by, room)
        member = _present(room, person)
        if member.role == role:  # as for whoever gives up their own role twice
            return member
        if not giver.is_owner:
            raise Refusal(ErrorCode.FORBIDDEN, _("Only an owner of the room can change roles."))
        if person.is_bot:
            raise Refusal(ErrorCode.CONFLICT, _("A bot is always a member."))
        if member.is_owner:
            _refuse_demotion(member, by)
        MODERATION.spend(by)
        _set_role(member, role)
        return member


def publish_rooms_changed(user_id: int) -> None:
    """Tell a person's own sockets that their list of rooms or invitations has changed."""
    group = room_list_topic.group(user_id)
    publish(room_list_topic.name, "rooms.changed", {}, group=group)
    topics_changed.send(Room, user_id=user_id)


def close(room: Room) -> None:
    """End a room whose lock is held."""
    user_ids = set(room.memberships.values_list("user", flat=True))
    user_ids |= set(room.invitations.values_list("user", flat=True))
    room.delete()
    enqueue_pruning()
    for user_id in user_ids:
        _turn_out(room, user_id, CloseCode.NOT_FOUND, _("This room was deleted."))
    signals.room_deleted.send(Room, room=room)


def close_if_deserted(room: Room) -> None:
    """End a room that nobody can enter any more."""
    people = room.memberships.filter(user__is_bot=False)
    if not (room.is_public or people.exists() or room.invitations.exists()):
        close(room)


def withdraw(invitation: Invitation) -> None:
    """Take back an invitation to a room whose lock is held."""
    invitation.delete()
    signals.invitation_settled.send(Room, room=invitation.room, user=invitation.user)
    publish_rooms_changed(invitation.user_id)


def depart(membership: Membership) -> None:
    """Take somebody out of a room whose lock is held, and hand it over."""
    hand_over(membership)
    membership.delete()
    publish(membership.room.topic, "member.left", {"user_id": membership.user_id})


def hand_over(owner: Membership) -> None:
    """Make somebody else an owner, if the room has no other; active people come first."""
    if not owner.is_owner or _other_owners(owner):
        return
    moderators_first = Case(
        When(role=Role.MODERATOR, then=Value(0)), default=Value(1), output_field=IntegerField()
    )
    people = Membership.objects.filter(room=owner.room_id, user__is_bot=False)
    others = people.exclude(pk=owner.pk)
    heirs = others.select_related("room", "user").order_by(
        "-user__is_active", moderators_first, "joined_at", "pk"
    )
    heir = heirs.first()
    if heir is not None:
        _set_role(heir, Role.OWNER)


@contextmanager
def _locked(room: Room) -> Iterator[Room]:
    """A transaction that holds the room's lock, with the room as it is now."""
    with room.changing() as changes:
        yield changes.feed


def _set_link(room: Room, by: User, code: str | None) -> None:
    with _locked(room) as room:
        _refuse_direct(room)
        detail = _("Only the room's moderators can change its invitation link.")
        _require_role(room, by, MODERATORS, detail)
        if code:
            check_open(room)
        room.link_code = code
        room.link_until = timezone.now() + LINK_LIFETIME if code else None
        room.save(update_fields=["link_code", "link_until"])


def _require_role(room: Room, by: User | None, roles: Collection[str], detail: str) -> None:
    """Check that somebody has one of these roles in the room, and charge their budget."""
    if by is None:
        return
    if membership_of(by, room).role not in roles:
        raise Refusal(ErrorCode.FORBIDDEN, detail)
    MODERATION.spend(by)


def _turn_out(room: Room, user_id: int, code: CloseCode, reason: str) -> None:
    """End what a person hears of a room that they are not in any more."""
    dismiss(room.group, user_id, code, reason)
    topic_left.send(Room, user_id=user_id, key=room.slug)
    publish_rooms_changed(user_id)


def _refuse_direct(room: Room) -> None:
    if room.is_direct:
        raise Refusal(
            ErrorCode.CONFLICT, _("A direct conversation always has the same two people.")
        )


def _refuse_demotion(owner: Membership, by: User) -> None:
    if owner.user_id != by.pk:
        raise Refusal(ErrorCode.FORBIDDEN, _("Another owner's role is theirs to give up."))
    if not _other_owners(owner):
        raise Refusal(
            ErrorCode.CONFLICT, _("A room needs an owner. Make someone else owner first.")
        )


def _refuse_removal(member: Membership, remover: Membership) -> None:
    if member.user_id == remover.user_id:
        raise Refusal(ErrorCode.CONFLICT, _("To go yourself, leave the room."))
    if member.is_owner:
        raise Refusal(ErrorCode.FORBIDDEN, _("An owner of the room cannot be removed."))
    if member.may_moderate and not remover.is_owner:
        raise Refusal(ErrorCode.FORBIDDEN, _("Only an owner can remove a moderator."))


def _member(room: Room, person: User) -> Membership | None:
    return room.memberships.filter(user=person).select_related("room", "user").first()


def _present(room: Room, person: User) -> Membership:
    if member := _member(room, person):
        return member
    detail = _("%(name)s is not in this room.") % {"name": person.name}
    raise Refusal(ErrorCode.NOT_FOUND, detail)


def _admit(room: Room, user: User, by: User | None = None) -> Membership:
    """Make the user a member who has read everything; the owner, if nobody else is active there.

    Args:
        by: who lets them in, where that is not who invited them.
    """
    invitation = room.invitations.filter(user=user).select_related("invited_by").first()
    if invitation:
        by = invitation.invited_by
        invitation.delete()
        signals.invitation_settled.send(Room, room=room, user=user)
    _lift(room, user, by)
    active = room.memberships.filter(user__is_active=True, user__is_bot=False)
    role = Role.MEMBER if user.is_bot or active.exists() else Role.OWNER
    membership, created = Membership.objects.get_or_create(
        room=room, user=user, defaults={"role": role, "last_read": room.last_rev}
    )
    if created:
        JOINS.spend(user)
        publish(room.topic, "member.joined", {"member": membership.as_member()})
        publish_rooms_changed(user.pk)
    return membership


def _lift(room: Room, user: User, by: User | None) -> None:
    """End the user's ban, if there is one, and write down by whom."""
    if room.bans.filter(user=user).delete()[0]:
        BanEvent.objects.create(room=room.slug, user=user, by=by, what=BanEvent.What.LIFTED)


def _remove(membership: Membership, reason: str) -> None:
    depart(membership)
    room, user = membership.room, membership.user
    _turn_out(room, user.pk, CloseCode.FORBIDDEN, reason)
    signals.member_left.send(Room, room=room, user=user)
    close_if_deserted(room)


def _other_owners(owner: Membership) -> bool:
    """Whether others own the room who can act: whose accounts are active."""
    owners = Membership.objects.filter(room=owner.room_id, role=Role.OWNER, user__is_active=True)
    owners = owners.filter(user__is_bot=False)
    return owners.exclude(pk=owner.pk).exists()


def _set_role(membership: Membership, role: str) -> None:
    membership.role = role
    membership.save(update_fields=["role"])
    publish(membership.room.topic, "member.updated", {"member": membership.as_member()})


def _make_room(by: User, name: str, **about_room: str | None) -> Room:
    """A room with an address of its own, which is its name's where that is free."""
    base = slugify(name)[:SLUG_CHARACTERS].strip("-_") or "room"
    slug = base
    while True:
        if slug not in RESERVED_SLUGS:
            room, created = Room.objects.get_or_create(
                slug=slug, defaults={"name": name, **about_room, "created_by": by}
            )
            if created:
                return room
        slug = f"{base}-{secrets.token_hex(2)}"
