"""Who belongs to a room: entering, inviting, leaving, removing, roles."""

from django.db.models import Case, IntegerField, Value, When

from accounts.models import User
from chat import notifications
from chat.models import Invitation, Membership, Room, room_list_topic
from chat.queries import membership_of
from presence import actions as presence
from realtime.delivery.publishing import dismiss, publish
from realtime.protocol import CloseCode, ErrorCode, Refusal

Role = Membership.Role


def enter(room: Room, user: User) -> Membership:
    """The user's membership; in a public room, whoever comes becomes a member.

    Raises:
        Refusal: `forbidden` (not a member, and the room is not public), `not_found`.
    """
    membership = Membership.objects.filter(room=room, user=user).first()
    if membership is not None:
        return membership
    with room.changing() as changes:
        room = changes.feed
        if not room.is_public:
            raise Refusal(
                ErrorCode.FORBIDDEN, "This room is private. Ask someone in it to invite you."
            )
        return _admit(room, user)


def invite(room: Room, by: User, person: User) -> Invitation:
    """Invite someone: any member may to a public room, its moderators to a private one.

    Raises:
        Refusal: `forbidden`, `not_found` (no such active person), `conflict` (the room is direct,
            or they are in it).
    """
    with room.changing() as changes:
        room = changes.feed
        _refuse_direct(room)
        if not membership_of(by, room).may_invite:
            raise Refusal(ErrorCode.FORBIDDEN, "Only the room's moderators can invite people.")
        if not person.is_active:
            raise Refusal(ErrorCode.NOT_FOUND, "There is no such person.")
        if Membership.objects.filter(room=room, user=person).exists():
            raise Refusal(ErrorCode.CONFLICT, f"{person.name} is in this room already.")
        invitation, created = Invitation.objects.get_or_create(
            room=room, user=person, defaults={"invited_by": by}
        )
        if created:
            publish_rooms_changed(person.pk)
            notifications.invited(invitation)
        return invitation


def accept_invitation(room: Room, user: User) -> Membership:
    """Become a member by invitation.

    Raises:
        Refusal: `not_found`, there is no invitation.
    """
    with room.changing() as changes:
        room = changes.feed
        _invitation(room, user)
        return _admit(room, user)


def decline_invitation(room: Room, user: User) -> None:
    """Turn an invitation down.

    Raises:
        Refusal: `not_found`, there is none.
    """
    with room.changing() as changes:
        room = changes.feed
        _withdraw(_invitation(room, user))


def withdraw_invitation(room: Room, by: User, person: User) -> None:
    """Take an invitation back: one's own, or any as a moderator.

    Raises:
        Refusal: `forbidden`, `not_found`.
    """
    with room.changing() as changes:
        room = changes.feed
        membership = membership_of(by, room)
        invitation = _invitation(room, person)
        if invitation.invited_by_id != by.pk and not membership.may_moderate:
            raise Refusal(ErrorCode.FORBIDDEN, "Only the room's moderators can take this back.")
        _withdraw(invitation)


def remove_member(room: Room, by: User, person: User) -> None:
    """Put someone out of a room: moderators remove members, owners also moderators.

    Raises:
        Refusal: `forbidden`, `not_found` (they are not in it), `conflict` (oneself, or the room is
            direct).
    """
    with room.changing() as changes:
        room = changes.feed
        _refuse_direct(room)
        remover = membership_of(by, room)
        if by.pk == person.pk:
            raise Refusal(ErrorCode.CONFLICT, "To go yourself, leave the room.")
        if not remover.may_moderate:
            raise Refusal(ErrorCode.FORBIDDEN, "Only the room's moderators can remove people.")
        member = _member(room, person)
        if member.is_owner:
            raise Refusal(ErrorCode.FORBIDDEN, "An owner of the room cannot be removed.")
        if member.may_moderate and not remover.is_owner:
            raise Refusal(ErrorCode.FORBIDDEN, "Only an owner can remove a moderator.")
        _remove(member, "You were removed from this room.")


def expel(membership: Membership) -> None:
    """Remove someone on behalf of the site rather than of a member: for the admin.

    Raises:
        Refusal: `conflict` (the room is direct), `not_found`.
    """
    with membership.room.changing() as changes:
        room = changes.feed
        _refuse_direct(room)
        _remove(_member(room, membership.user), "You were removed from this room.")


def leave_room(room: Room, user: User) -> None:
    """Go. A room's last owner hands it to its longest-standing moderator, or else member.

    Raises:
        Refusal: `forbidden` (not a member), `conflict` (the room is direct), `not_found`.
    """
    with room.changing() as changes:
        room = changes.feed
        _refuse_direct(room)
        _remove(membership_of(user, room), "You left this room.")


def change_role(room: Room, by: User, person: User, role: str) -> Membership:
    """Give someone another role: owners do, to all but other owners; themselves if not the last.

    Raises:
        Refusal: `invalid` (no such role), `forbidden`, `not_found` (they are not in the room),
            `conflict` (the room is direct, or would have no owner).
    """
    if role not in Role.values:
        raise Refusal(ErrorCode.INVALID, "A role is owner, moderator or member.")
    with room.changing() as changes:
        room = changes.feed
        _refuse_direct(room)
        if not membership_of(by, room).is_owner:
            raise Refusal(ErrorCode.FORBIDDEN, "Only an owner of the room can change roles.")
        member = _member(room, person)
        if member.role == role:
            return member
        if member.is_owner:
            _refuse_demotion(member, by)
        _set_role(member, role)
        return member


def publish_rooms_changed(user_id: int) -> None:
    """Tell a person's own sockets that their list of rooms or invitations has changed."""
    group = room_list_topic.group(user_id)
    publish(room_list_topic.name, "rooms.changed", {}, group=group)
    presence.rooms_changed(user_id)


def turn_out(room: Room, user_id: int, code: CloseCode, reason: str) -> None:
    """End what a person hears of a room that they are not in any more."""
    dismiss(room.group, user_id, code, reason)
    presence.room_left(user_id, room.slug)
    publish_rooms_changed(user_id)


def _refuse_direct(room: Room) -> None:
    if room.is_direct:
        raise Refusal(ErrorCode.CONFLICT, "A direct conversation always has the same two people.")


def _refuse_demotion(owner: Membership, by: User) -> None:
    if owner.user_id != by.pk:
        raise Refusal(ErrorCode.FORBIDDEN, "Another owner's role is theirs to give up.")
    if not _other_owners(owner):
        raise Refusal(ErrorCode.CONFLICT, "A room needs an owner. Make someone else owner first.")


def _member(room: Room, person: User) -> Membership:
    member = room.memberships.filter(user=person).select_related("room", "user").first()
    if member is None:
        raise Refusal(ErrorCode.NOT_FOUND, f"{person.name} is not in this room.")
    return member


def _invitation(room: Room, user: User) -> Invitation:
    invitation = Invitation.objects.filter(room=room, user=user).first()
    if invitation is None:
        raise Refusal(ErrorCode.NOT_FOUND, "There is no such invitation any more.")
    return invitation


def _withdraw(invitation: Invitation) -> None:
    invitation.delete()
    notifications.invitation_settled(invitation.room, invitation.user)
    publish_rooms_changed(invitation.user_id)


def _admit(room: Room, user: User) -> Membership:
    """Make the user a member, who has nothing to catch up with; owner, if the room has nobody."""
    invited, _ = Invitation.objects.filter(room=room, user=user).delete()
    if invited:
        notifications.invitation_settled(room, user)
    role = Role.MEMBER if room.memberships.exists() else Role.OWNER
    membership, created = Membership.objects.get_or_create(
        room=room, user=user, defaults={"role": role, "last_read": room.last_rev}
    )
    if created:
        publish(room.topic, "member.joined", {"member": membership.as_member()})
        publish_rooms_changed(user.pk)
    return membership


def _remove(membership: Membership, reason: str) -> None:
    if membership.is_owner and not _other_owners(membership):
        _hand_over(membership)
    membership.delete()
    room, user = membership.room, membership.user
    publish(room.topic, "member.left", {"user_id": user.pk})
    turn_out(room, user.pk, CloseCode.FORBIDDEN, reason)
    notifications.member_left(room, user)


def _other_owners(owner: Membership) -> bool:
    owners = Membership.objects.filter(room=owner.room_id, role=Role.OWNER)
    return owners.exclude(pk=owner.pk).exists()


def _hand_over(owner: Membership) -> None:
    moderators_first = Case(
        When(role=Role.MODERATOR, then=Value(0)), default=Value(1), output_field=IntegerField()
    )
    others = Membership.objects.filter(room=owner.room_id).exclude(pk=owner.pk)
    heirs = others.select_related("room", "user").order_by(moderators_first, "joined_at", "pk")
    heir = heirs.first()
    if heir is not None:
        _set_role(heir, Role.OWNER)


def _set_role(membership: Membership, role: str) -> None:
    membership.role = role
    membership.save(update_fields=["role"])
    publish(membership.room.topic, "member.updated", {"member": membership.as_member()})
