"""Reading chat: what pages and sockets show. Nothing here writes."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from django.db.models import Exists, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User, as_person
from accounts.names import DISPLAY_NAME_LENGTH, USERNAME_LENGTH
from chat.frames import PAGE_MESSAGES, History, LastMessage, ReaderPerson, RoomSummary
from chat.markdown import mentioned_usernames
from chat.models import (
    ROOMS_LISTED,
    Attachment,
    Ban,
    Invitation,
    Membership,
    Mention,
    Message,
    Room,
    direct_name,
    other_people,
    other_people_in,
)
from realtime.feeds.reading import following, latest
from realtime.protocol import ErrorCode, Refusal

UNREAD_COUNTED = 100  # a room with more shows as "99+"; counting on would only cost
MEMBERS_SHOWN = 200
READ_SHOWN_MEMBERS = 50
"""In a larger room nobody is told how far others have read."""
PREVIEW_CHARACTERS = 200
"""A list of rooms has so much of each room's last message."""
REMOVED = _(
    "You were removed from this room, so you cannot join it again. "
    "One of its owners or moderators can let you back in."
)
MEMBER_FIELDS = (
    *("user", "user__username", "user__display_name", "user__color"),
    *("user__is_bot", "user__portrait"),
    *("role", "last_read"),
)
SUMMARY_FIELDS = ("user", "room", "room__slug", "room__name", "room__kind", "room__last_rev")


def room_by_slug(slug: str) -> Room:
    """The room of that name.

    Raises:
        Refusal: `not_found`.
    """
    room = Room.objects.filter(slug=slug).first()
    if room is None:
        raise Refusal(ErrorCode.NOT_FOUND, _("There is no such room."))
    return room


def room_of_link(code: str) -> Room:
    """The room to which an invitation link leads.

    Raises:
        Refusal: `not_found`, which tells nothing of the room.
    """
    room = Room.objects.filter(link_code=code, link_until__gt=timezone.now()).first()
    if room is None:
        raise Refusal(
            ErrorCode.NOT_FOUND,
            _(
                "This invitation link has expired or was withdrawn. "
                "Ask whoever sent it for a new one."
            ),
        )
    return room


def named_for(user: User, room: Room) -> Room:
    """The room with its name for the user: a direct room has the other person's."""
    room.name = room.name_beside(other_people([room]).get((user.pk, room.pk)))
    return room


def person_by_username(username: str) -> User:
    """The person of that name, which may be written as it is mentioned, with an @.

    Raises:
        Refusal: `not_found`.
    """
    # Cut first: to bring marks into Unicode's order takes time that grows with their square.
    name = username.replace("\x00", "").strip().removeprefix("@")[: USERNAME_LENGTH + 1]
    name = User.normalize_username(name)
    person = User.objects.filter(username=name).first()
    if person is None:
        detail = _("There is nobody called @%(username)s.") % {"username": name[:USERNAME_LENGTH]}
        raise Refusal(ErrorCode.NOT_FOUND, detail)
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
        raise Refusal(ErrorCode.FORBIDDEN, _("You are not a member of this room."))
    return membership


def attachment_for(user: User, pk: UUID) -> Attachment:
    """A file in a room that the user is in.

    Raises:
        Refusal: `not_found`; also where it is in another room.
    """
    found = Attachment.objects.filter(pk=pk, room__memberships__user=user).first()
    if found is None:
        raise no_such_file()
    return found


def no_such_file() -> Refusal:
    return Refusal(ErrorCode.NOT_FOUND, _("There is no such file, or you are not in its room."))


def is_banned(room: Room, user: User) -> bool:
    """Whether the user was removed from the room, and may not come back by themselves."""
    return Ban.objects.filter(room=room, user=user).exists()


def check_may_join(room: Room, user: User) -> None:
    """Check that somebody who is not a member may become one by themselves.

    Raises:
        Refusal: `forbidden`, the room is not public, or they were removed from it.
    """
    if not room.is_public:
        raise Refusal(
            ErrorCode.FORBIDDEN, _("This room is private. Ask someone in it to invite you.")
        )
    check_not_banned(room, user)


def check_not_banned(room: Room, user: User) -> None:
    """Check that somebody was not removed, or is invited since.

    Raises:
        Refusal: `forbidden`.
    """
    if is_banned(room, user) and not room.invitations.filter(user=user).exists():
        raise Refusal(ErrorCode.FORBIDDEN, REMOVED)


def check_open(room: Room) -> None:
    """Check that people may write in a room.

    Raises:
        Refusal: `conflict`, it is archived.
    """
    if room.archived_at:
        raise archived()


def archived() -> Refusal:
    return Refusal(
        ErrorCode.CONFLICT,
        _("This room is archived: it can be read, but nobody writes here. An owner can reopen it."),
    )


def bans(room: Room) -> QuerySet[Ban]:
    return room.bans.select_related("user", "banned_by").order_by("-created_at", "-pk")


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
    if len(shown) > READ_SHOWN_MEMBERS:
        shown = [{**person, "last_read": 0} for person in shown]
    full = len(shown) == MEMBERS_SHOWN
    return shown, room.memberships.count() if full else len(shown)


def pending_invitations(room: Room) -> QuerySet[Invitation]:
    """Those who may still accept."""
    invitations = room.invitations.filter(user__is_active=True)
    return invitations.select_related("user", "invited_by").order_by("-created_at", "-pk")


def invitations_of(user: User) -> QuerySet[Invitation]:
    return (
        Invitation.objects.filter(user=user)
        .select_related("room", "invited_by")
        .order_by("-created_at", "-pk")
    )


def rooms_to_join(user: User) -> QuerySet[Room]:
    """Public rooms that the user may join, with their `member_count`, the liveliest first."""
    rooms = (
        Room.objects.filter(kind=Room.Kind.PUBLIC, archived_at=None)
        .exclude(memberships__user=user)
        .exclude(bans__user=user)
        .order_by("-last_rev", "name")
    )
    return with_member_count(rooms)


def with_member_count(rooms: QuerySet[Room]) -> QuerySet[Room]:
    """The rooms with their `member_count`, which is counted for those that are shown alone, unless
    it orders them."""
    members = Membership.objects.filter(room=OuterRef("pk"))
    return rooms.annotate(member_count=_Count(members.values("pk")))


def people_to_talk_to(user: User, query: str) -> QuerySet[User]:
    """Active people other than the user, whose names have `query` in them."""
    people = User.objects.filter(is_active=True).exclude(pk=user.pk).order_by("username")
    query = query[: DISPLAY_NAME_LENGTH + 1]  # SQLite takes no long pattern
    if query:
        people = people.filter(Q(username__icontains=query) | Q(display_name__icontains=query))
    return people


def mentioned_members(said: Iterable[tuple[int, str]]) -> dict[tuple[int, str], list[User]]:
    """For each room, by its id, and body: the active members that the body names, in its order."""
    usernames = {(room_id, body): mentioned_usernames(body) for room_id, body in said}
    named: dict[int, set[str]] = defaultdict(set)
    for (room_id, _body), names in usernames.items():
        named[room_id].update(names)
    wanted = [
        Q(room=room_id, user__username__in=names) for room_id, names in named.items() if names
    ]
    if not wanted:
        return {each: [] for each in usernames}
    memberships = Membership.objects.filter(Q(*wanted, _connector=Q.OR), user__is_active=True)
    memberships = memberships.select_related("user")
    members = {(each.room_id, each.user.username): each.user for each in memberships}
    return {
        (room_id, body): [members[room_id, name] for name in names if (room_id, name) in members]
        for (room_id, body), names in usernames.items()
    }


# The messages of a room


def latest_messages(room: Room, limit: int, before: int | None = None) -> History:
    """The latest messages, or the latest before the `seq` `before`."""
    messages, more = latest(room.messages.all(), limit, before)
    newer = before is not None and before <= room.last_rev
    return History([message.as_data() for message in reversed(messages)], more, newer)


def messages_after(room: Room, after: int, limit: int) -> History:
    """The messages that follow the one with the `seq` `after`."""
    messages, newer = following(room.messages.all(), limit, after)
    return History([message.as_data() for message in messages], after > 0, newer)


def messages_around(room: Room, seq: int, limit: int) -> History:
    """The messages that follow the one with this `seq`, half of all, and those up to it."""
    after = messages_after(room, seq, limit // 2)
    before = latest_messages(room, limit - len(after.messages), seq + 1)
    return History(before.messages + after.messages, before.more, after.newer)


class Unread(TypedDict):
    """What somebody has not read of a room: from the `seq` `first` on, since a time."""

    first: int
    last: int
    count: int
    """`UNREAD_COUNTED` at most."""
    since: datetime


def opening_messages(membership: Membership, at: int | None) -> History:
    """What the page of a room begins with: around the `seq` `at`, or where its reader left off."""
    place = membership.last_read if at is None else at
    return messages_around(membership.room, place, PAGE_MESSAGES)


def unread_of(membership: Membership) -> Unread | None:
    """What the reader has not read of a room: None for nothing."""
    others = membership.room.messages.filter(seq__gt=membership.last_read, deleted_at=None)
    others = others.exclude(author=membership.user_id).order_by("seq")
    found = list(others.values_list("seq", "created_at")[:UNREAD_COUNTED])
    if not found:
        return None
    (first, since), (last, _) = found[0], found[-1]
    return Unread(first=first, last=last, count=len(found), since=since)


# A person's list of rooms


class _Count(Subquery):
    """How many rows a query has."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) counted)"
    output_field = IntegerField()


def slugs_of(user_ids: Sequence[int]) -> list[list[str]]:
    """The slugs of all rooms that each person is in, in the order of `rooms_of`; one query."""
    slugs: dict[int, list[str]] = defaultdict(list)
    memberships = Membership.latest_first(*user_ids)
    for user_id, slug in memberships.values_list("user", "room__slug"):
        slugs[user_id].append(slug)
    return [slugs[user_id] for user_id in user_ids]


def rooms_of(user: User, limit: int = ROOMS_LISTED) -> list[RoomSummary]:
    """The rooms that the user is in, those with the latest messages first; three queries."""
    return _summaries(Membership.latest_first(user.pk), limit)[user.pk]


def rooms_among(asked: Sequence[tuple[int, Sequence[str]]]) -> list[list[RoomSummary]]:
    """As `rooms_of`, for each person the rooms that have one of the slugs."""
    slugs = {slug for _, wanted in asked for slug in wanted}
    memberships = Membership.latest_first(*(user_id for user_id, _ in asked))
    rooms = _summaries(memberships.filter(room__slug__in=slugs))
    return [[room for room in rooms[user_id] if room.slug in wanted] for user_id, wanted in asked]


def _summaries(
    memberships: QuerySet[Membership], limit: int | None = None
) -> defaultdict[int, list[RoomSummary]]:
    """The rooms of the first memberships as each person sees them, by the person's id."""
    messages = Message.objects.filter(room=OuterRef("room"), deleted_at=None)
    others = messages.filter(seq__gt=OuterRef("last_read")).exclude(author=OuterRef("user"))
    mentions = Mention.objects.filter(
        user=OuterRef("user"),
        message__room=OuterRef("room"),
        message__seq__gt=OuterRef("last_read"),
    ).exclude(message__author=OuterRef("user"))
    rows = list(
        memberships.annotate(
            latest=Subquery(messages.order_by("-seq").values("pk")[:1]),
            unread=_Count(others.order_by().values("pk")[:UNREAD_COUNTED]),
            mentioned=Exists(mentions),
        ).values_list(*SUMMARY_FIELDS, "latest", "unread", "mentioned", named=True)[:limit]
    )
    last_messages = _last_messages({row.latest for row in rows})
    direct = Room.Kind.DIRECT
    people = other_people_in({row.room for row in rows if row.room__kind == direct})
    rooms: defaultdict[int, list[RoomSummary]] = defaultdict(list)
    for row in rows:
        person = people.get((row.user, row.room))
        rooms[row.user].append(
            RoomSummary(
                slug=row.room__slug,
                name=direct_name(person) if row.room__kind == direct else row.room__name,
                kind=row.room__kind,
                rev=row.room__last_rev,
                unread=row.unread,
                mentioned=row.mentioned,
                last_message=last_messages.get(row.room),
                person=person,
            )
        )
    return rooms


def _last_messages(ids: Iterable[int | None]) -> dict[int, LastMessage]:
    messages = Message.objects.select_related("author").filter(
        pk__in=[pk for pk in ids if pk is not None]
    )
    return {
        message.room_id: LastMessage(
            message.sender, message.words[:PREVIEW_CHARACTERS], message.created_at
        )
        for message in messages
    }
