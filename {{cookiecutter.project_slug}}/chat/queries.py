"""Reading chat: what pages and sockets show. Nothing here writes."""

from collections.abc import Collection, Mapping, Sequence
from functools import reduce
from operator import or_
from typing import NamedTuple

from django.db.models import Count, Prefetch, Q, QuerySet

from accounts.models import User, as_person
from accounts.names import USERNAME_LENGTH
from chat.models import Invitation, Membership, Mention, Message, Room
from chat.wire import MessageData, ReaderPerson, message_data
from realtime.protocol import ErrorCode, Refusal

PAGE_MESSAGES = 50
PAGE_CHARACTERS = 65_536
"""A page of long messages ends sooner: whatever the script, it leaves room in a socket's outbox."""
MEMBERS_SHOWN = 200
MEMBER_FIELDS = (
    *("user", "user__username", "user__display_name", "user__color"),
    *("role", "last_read"),
)


class Page(NamedTuple):
    messages: list[MessageData]
    more: bool


def room_by_slug(slug: str) -> Room:
    """The room of that name.

    Raises:
        Refusal: `not_found`.
    """
    room = Room.objects.filter(slug=slug).first()
    if room is None:
        raise Refusal(ErrorCode.NOT_FOUND, "There is no such room.")
    return room


def person_by_username(username: str) -> User:
    """The person of that name, which may be written as it is mentioned, with an @.

    Raises:
        Refusal: `not_found`.
    """
    name = User.normalize_username(username.replace("\x00", "").strip().removeprefix("@"))
    person = User.objects.filter(username=name).first()
    if person is None:
        raise Refusal(ErrorCode.NOT_FOUND, f"There is nobody called @{name[:USERNAME_LENGTH]}.")
    return person


def membership_of(user: User, room: Room) -> Membership:
    """The user's membership.

    Raises:
        Refusal: `forbidden`, they have none.
    """
    membership = (
        Membership.objects.filter(room=room, user=user).select_related("room", "user").first()
    )
    if membership is None:
        raise Refusal(ErrorCode.FORBIDDEN, "You are not a member of this room.")
    return membership


def members(room: Room) -> QuerySet[Membership]:
    """Who belongs to the room, the latest to join first."""
    return room.memberships.select_related("user").order_by("-joined_at", "-pk")


def members_shown(room: Room) -> tuple[list[ReaderPerson], int]:
    """The members that a welcome lists, and how many there are; a crowd asks for it at once."""
    rows = members(room).select_related(None).values_list(*MEMBER_FIELDS)[:MEMBERS_SHOWN]
    shown = [
        ReaderPerson(**as_person(*person), role=role, last_read=last_read)
        for *person, role, last_read in rows
    ]
    full = len(shown) == MEMBERS_SHOWN
    return shown, room.memberships.count() if full else len(shown)


def pending_invitations(room: Room) -> QuerySet[Invitation]:
    return room.invitations.select_related("user", "invited_by").order_by("-created_at", "-pk")


def invitations_of(user: User) -> QuerySet[Invitation]:
    return (
        Invitation.objects.filter(user=user)
        .select_related("room", "invited_by")
        .order_by("-created_at", "-pk")
    )


def rooms_to_join(user: User) -> QuerySet[Room]:
    """Public rooms that the user is not in, with their `member_count`, the largest first."""
    return (
        Room.objects.filter(kind=Room.Kind.PUBLIC)
        .exclude(memberships__user=user)
        .annotate(member_count=Count("memberships"))
        .order_by("-member_count", "name")
    )


def people_to_talk_to(user: User, query: str) -> QuerySet[User]:
    """Active people other than the user, whose names have `query` in them."""
    people = User.objects.filter(is_active=True).exclude(pk=user.pk).order_by("username")
    if query:
        people = people.filter(Q(username__icontains=query) | Q(display_name__icontains=query))
    return people


def in_rooms(wanted: Mapping[int, Collection[object]], lookup: str) -> Q:
    """The condition that `lookup` finds one of those that are wanted in its room."""
    return reduce(or_, (Q(room=pk, **{lookup: values}) for pk, values in wanted.items()))


# Messages


def with_people(messages: QuerySet[Message]) -> QuerySet[Message]:
    """The messages with all that `message_data` shows of them, in four queries."""
    mentions = Prefetch("mentions", Mention.objects.select_related("user"))
    return messages.select_related("author").prefetch_related("reactions", mentions)


def history(room: Room, before: int | None = None, limit: int = PAGE_MESSAGES) -> Page:
    """The latest messages, or the latest before the `seq` `before`; in ascending order.

    `limit` of them at most, and fewer where they are long.
    """
    messages = room.messages.order_by("-seq")
    if before is not None:
        messages = messages.filter(seq__lt=before)
    latest, more = _first(messages, limit)
    return Page(latest[::-1], more)


def changes_since(room: Room, since: int, limit: int) -> Page:
    """The first messages to change after the revision `since`, by their latest change.

    `limit` of them at most, and fewer where they are long.
    """
    return _first(room.messages.filter(rev__gt=since).order_by("rev"), limit)


def changes_in_rooms(since: Mapping[int, int]) -> dict[int, list[MessageData]]:
    """For each room, by id, all messages that changed after a revision, by their latest change."""
    changes: dict[int, list[MessageData]] = {room_id: [] for room_id in since}
    if since:
        after = reduce(or_, (Q(room=room_id, rev__gt=rev) for room_id, rev in since.items()))
        for message in with_people(Message.objects.filter(after).order_by("rev")):
            changes[message.room_id].append(message_data(message))
    return changes


def page_of(messages: Sequence[MessageData], limit: int) -> Page:
    """The first of `messages`: `limit` at most, and fewer where they are long."""
    page: list[MessageData] = []
    characters = 0
    for message in messages[:limit]:
        characters += len(message.body)
        if page and characters > PAGE_CHARACTERS:
            break
        page.append(message)
    return Page(page, len(messages) > len(page))


def _first(messages: QuerySet[Message], limit: int) -> Page:
    rows = with_people(messages)[: limit + 1]
    return page_of([message_data(row) for row in rows], limit)
