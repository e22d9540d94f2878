"""What becomes of rooms and messages when the accounts of their people change or are deleted."""

from collections.abc import Collection, Sequence
from typing import Any

from django.db.models import Q, QuerySet
from django.dispatch import receiver

from accounts.models import User, lock_people
from accounts.signals import people_changing, people_leaving, person_changed
from chat.actions.rooms import (
    close_if_deserted,
    depart,
    hand_over,
    publish_rooms_changed,
    withdraw,
)
from chat.models import Invitation, Membership, Mention, Message, Reaction, Room
from realtime.delivery.publishing import publish
from realtime.feeds.changes import Changes, changing


@receiver(people_changing)
def lock_rooms(user_ids: Collection[int], **kwargs: Any) -> None:  # Any: whatever a signal sends
    """Lock the rooms of people who change: one of them may need another owner."""
    memberships = Membership.objects.filter(user__in=user_ids)
    rooms = Room.objects.select_for_update(no_key=True).order_by("pk")
    list(rooms.filter(pk__in=memberships.values("room")).values_list("pk"))


@receiver(person_changed)
def show_change(user: User, fields: set[str], **kwargs: Any) -> None:  # Any: as above
    """Show somebody's new name to their rooms; hand over the rooms of whom is deactivated."""
    memberships = Membership.objects.filter(user=user).select_related("room", "user")
    for membership in memberships:
        if not user.is_active:
            hand_over(membership)
        if fields != {"is_active"}:
            publish(membership.room.topic, "member.updated", {"member": membership.as_member()})
    if fields != {"is_active"}:
        _tell_partners([user.pk])


@receiver(people_leaving)
def leave_rooms(users: Sequence[User], **kwargs: Any) -> None:  # Any: as above
    """Take people who are about to be deleted out of their rooms.

    Their rooms get other owners, their invitations and reactions go, and their messages stay
    without an author. A room that nobody can enter any more is deleted.
    """
    user_ids = [user.pk for user in users]
    messages = messages_touched_by(user_ids)
    invitations = Invitation.objects.filter(Q(user__in=user_ids) | Q(invited_by__in=user_ids))
    memberships = Membership.objects.filter(user__in=user_ids)
    rooms = Room.objects.filter(
        Q(pk__in=memberships.values("room"))
        | Q(pk__in=invitations.values("room"))
        | Q(pk__in=messages.values("room"))
    )
    with changing(rooms) as changes:
        lock_people([*user_ids, *invitations.values_list("user", flat=True)])
        for invitation in invitations.select_related("room", "user"):
            withdraw(invitation)
        _tell_partners(user_ids)
        for membership in memberships.select_related("room", "user"):
            depart(membership)
        _disown(changes, user_ids, list(messages.values_list("pk", flat=True)))
        for room in changes.feeds.values():
            close_if_deserted(room)


def messages_touched_by(user_ids: Collection[int]) -> QuerySet[Message]:
    """The messages that people wrote, reacted to or are mentioned in."""
    written = Message.objects.filter(author__in=user_ids).order_by().values("pk")
    reactions = Reaction.objects.filter(user__in=user_ids).order_by().values("message")
    mentions = Mention.objects.filter(user__in=user_ids).order_by().values("message")
    # A union, since with OR the database reads every message.
    return Message.objects.filter(pk__in=written.union(reactions, mentions))


def _tell_partners(user_ids: Collection[int]) -> None:
    """Tell the others in their direct rooms that the list of rooms, which names them, changes."""
    direct = Room.objects.filter(kind=Room.Kind.DIRECT, memberships__user__in=user_ids)
    partners = Membership.objects.filter(room__in=direct).exclude(user__in=user_ids)
    for user_id in partners.values_list("user", flat=True).distinct():
        publish_rooms_changed(user_id)


def _disown(changes: Changes[Room], user_ids: Collection[int], message_ids: list[int]) -> None:
    """Take people's names, reactions and mentions off messages.

    Each message gets the next number. Of each room the last one is published: whoever hears that
    finds what is missing before it, and asks for it.
    """
    Reaction.objects.filter(user__in=user_ids).delete()
    Mention.objects.filter(user__in=user_ids).delete()
    messages = changes.select(Message.objects.filter(pk__in=message_ids).order_by("rev"))
    for message in messages:
        if message.author_id in user_ids:
            message.author = None
    changes.save(*messages, fields=["author", "deleted_at"])  # also those that were deleted
    for message in {message.room_id: message for message in messages}.values():
        publish(message.room.topic, "message.updated", message.as_data(), rev=message.rev)
