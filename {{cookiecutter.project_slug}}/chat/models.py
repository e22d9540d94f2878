"""Rooms, their people and their messages. A room is a feed of messages."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import permutations
from typing import TYPE_CHECKING, Self
from uuid import uuid4

from django.conf import settings
from django.db import models
from django.db.models import F, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Person, deleted_person
from chat.frames import (
    AttachmentData,
    MemberPerson,
    MessageData,
    QuoteData,
    ReactionData,
    ReaderPerson,
    RoomData,
)
from chat.markdown import plain, render
from chat.text import ABOUT_CHARACTERS, CLIENT_ID_CHARACTERS, NAME_CHARACTERS
from realtime.feeds.models import Feed, FeedItem, FeedKey, FeedTopic
from realtime.topics import Pair, Topic

if TYPE_CHECKING:
    from accounts.models import User

QUOTE_CHARACTERS = 120
ROOMS_LISTED = 100
"""A person's list of rooms has so many at most, those with the latest messages."""
FILE_NAME_CHARACTERS = 120
PICTURES = ("image/gif", "image/jpeg", "image/png", "image/webp")
FILE = "application/octet-stream"
THUMBNAIL = "image/webp"


class RoomTopic(FeedTopic):
    """`chat:general` is the room with the slug `general`. Its members hear it."""

    shows_presence = True

    def hearers(self, pairs: Collection[Pair]) -> set[Pair]:
        members = Membership.objects.filter(
            room__slug__in={slug for slug, _ in pairs}, user__in={user for _, user in pairs}
        )
        return set(pairs) & set(members.values_list("room__slug", "user"))

    def keys_of(self, user_ids: Collection[int]) -> Mapping[int, Sequence[str]]:
        slugs: dict[int, list[str]] = defaultdict(list)
        memberships = Membership.objects.filter(user__in=user_ids).order_by("-joined_at", "-pk")
        for user_id, slug in memberships.values_list("user", "room__slug"):
            slugs[user_id].append(slug)
        return slugs

    def names_for(self, user_id: int, keys: Collection[str] | None = None) -> Mapping[str, str]:
        memberships = Membership.latest_first(user_id).select_related("room")
        if keys is None:
            memberships = memberships[:ROOMS_LISTED]
        else:
            memberships = memberships.filter(room__slug__in=keys)
        rooms = [membership.room for membership in memberships]
        others = other_people(rooms)
        return {room.slug: room.name_beside(others.get((user_id, room.pk))) for room in rooms}

    def link(self, key: str) -> str:
        return reverse("chat:room", args=[key])


class RoomListTopic(Topic):
    """The list of a person's rooms: `chat` to clients; each person's own events have a group."""

    prefix = "rooms"
    name = "chat"


room_list_topic = RoomListTopic()


class Room(Feed):
    """A place to talk: a feed of messages."""

    class Kind(models.TextChoices):
        PUBLIC = "public", _("Public")
        PRIVATE = "private", _("Private")
        DIRECT = "direct", _("Direct")

    slug = models.SlugField(_("slug"), max_length=60, unique=True)
    name = models.CharField(_("name"), max_length=NAME_CHARACTERS, blank=True)
    about = models.CharField(_("about"), max_length=ABOUT_CHARACTERS, blank=True)
    kind = models.CharField(_("kind"), max_length=7, choices=Kind, default=Kind.PUBLIC)
    direct_key = models.CharField(
        max_length=41, unique=True, null=True, blank=True, default=None, editable=False
    )
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        verbose_name=_("created by"),
        null=True,
        related_name="+",
    )
    client_id = models.CharField(  # noqa: DJ001 (several rooms without one are no retries)
        max_length=CLIENT_ID_CHARACTERS, null=True, blank=True, default=None, editable=False
    )
    """Its maker's own name for it, which makes a retry harmless."""
    link_code = models.CharField(
        max_length=32, unique=True, null=True, blank=True, default=None, editable=False
    )
    """What stands in the address of its invitation link: see `chat.actions.make_link`."""
    link_until = models.DateTimeField(null=True, blank=True, default=None, editable=False)
    archived_at = models.DateTimeField(
        _("archived at"), null=True, blank=True, default=None, editable=False
    )
    """Since when nobody writes here any more; its members can still read."""

    prefix = "chat"
    topic_class = RoomTopic

    class Meta:
        verbose_name = _("room")
        verbose_name_plural = _("rooms")
        ordering = ["slug"]
        constraints = [
            models.UniqueConstraint(
                fields=["created_by", "client_id"], name="chat_room_once_per_maker"
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.slug

    def get_absolute_url(self) -> str:
        return reverse("chat:room", args=[self.slug])

    @property
    def is_public(self) -> bool:
        return self.kind == self.Kind.PUBLIC

    @property
    def is_direct(self) -> bool:
        return self.kind == self.Kind.DIRECT

    @property
    def has_link(self) -> bool:
        return self.link_until is not None and self.link_until > timezone.now()

    def name_beside(self, other: Person | None) -> str:
        """The room's name; in a direct room, that of the `other` person in it."""
        return direct_name(other) if self.is_direct else self.name

    def as_data(self) -> RoomData:
        return RoomData(self.slug, self.name, self.kind, self.about, bool(self.archived_at))


class Membership(models.Model):
    """A person's place in a room. `last_read` is the `seq` up to which they have read."""

    class Role(models.TextChoices):
        OWNER = "owner", _("Owner")
        MODERATOR = "moderator", _("Moderator")
        MEMBER = "member", _("Member")

    room = models.ForeignKey(
        Room,
        on_delete=models.CASCADE,
        verbose_name=_("room"),
        related_name="memberships",
        db_index=False,
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        verbose_name=_("user"),
        related_name="memberships",
    )
    role = models.CharField(_("role"), max_length=9, choices=Role, default=Role.MEMBER)
    last_read = models.PositiveBigIntegerField(_("last read"), default=0)
    joined_at = models.DateTimeField(_("joined at"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [
            models.UniqueConstraint(fields=["room", "user"], name="chat_one_membership_per_person"),
        ]
        indexes = [
            models.Index(fields=["room", "-joined_at", "-id"], name="chat_members_by_joining"),
        ]

    def __str__(self) -> str:
        return _("%(user)s in %(room)s") % {"user": self.user, "room": self.room}

    @property
    def is_owner(self) -> bool:
        return self.role in OWNERS

    @property
    def may_moderate(self) -> bool:
        return self.role in MODERATORS

    @property
    def may_invite(self) -> bool:
        by_role = self.room.is_public or (self.may_moderate and not self.room.is_direct)
        return by_role and self.room.archived_at is None

    def as_member(self) -> MemberPerson:
        return {**self.user.as_person(), "role": self.role}

    def as_reader(self) -> ReaderPerson:
        return {**self.as_member(), "last_read": self.last_read}

    @classmethod
    def latest_first(cls, *user_ids: int) -> QuerySet["Membership"]:
        """People's memberships; those of the rooms with the latest messages come first."""
        messages = Message.objects.filter(room=OuterRef("room"), deleted_at=None)
        latest = Subquery(messages.order_by("-seq").values("created_at")[:1])
        memberships = cls.objects.filter(user__in=user_ids)
        active_at = Coalesce(latest, F("joined_at"))
        return memberships.annotate(active_at=active_at).order_by("-active_at", "-pk")


OWNERS = {Membership.Role.OWNER}
MODERATORS = {*OWNERS, Membership.Role.MODERATOR}


class Invitation(models.Model):
    """A place that is kept for a person until they accept or decline it."""

    room = models.ForeignKey(
        Room, on_delete=models.CASCADE, related_name="invitations", db_index=False
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="room_invitations"
    )
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["room", "user"], name="chat_one_invitation_per_person"),
        ]

    def __str__(self) -> str:
        return _("%(user)s invited to %(room)s") % {"user": self.user, "room": self.room}


class Ban(models.Model):
    """Keeps a person who was removed from a room from joining it again."""

    room = models.ForeignKey(
        Room, on_delete=models.CASCADE, verbose_name=_("room"), related_name="bans", db_index=False
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, verbose_name=_("user"), related_name="+"
    )
    banned_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        verbose_name=_("banned by"),
        null=True,
        related_name="+",
    )
    """None: the site."""
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("ban")
        verbose_name_plural = _("bans")
        constraints = [
            models.UniqueConstraint(fields=["room", "user"], name="chat_one_ban_per_person"),
        ]

    def __str__(self) -> str:
        return _("%(user)s banned from %(room)s") % {"user": self.user, "room": self.room}


class BanEvent(models.Model):
    """What was done about somebody's place in a room, for staff to look up: nothing changes it."""

    class What(models.TextChoices):
        BANNED = "banned", _("Banned")
        LIFTED = "lifted", _("Let back in")

    room = models.SlugField(_("room"), max_length=60)
    """The room's address: what was done in it is known when it is gone."""
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, verbose_name=_("user"), related_name="+"
    )
    what = models.CharField(_("what"), max_length=6, choices=What)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        verbose_name=_("by"),
        null=True,
        related_name="+",
    )
    """None: the site."""
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("ban event")
        verbose_name_plural = _("ban events")

    def __str__(self) -> str:
        words = {
            self.What.BANNED: _("%(user)s banned in %(room)s"),
            self.What.LIFTED: _("%(user)s let back into %(room)s"),
        }
        return words[self.What(self.what)] % {"user": self.user, "room": self.room}


class Message(FeedItem):
    """One message. `client_id` is its sender's own name for it, which makes a retry harmless.

    The messages of a person who is deleted stay, without an author: conversations would lose their
    sense.
    """

    room = FeedKey(
        Room, verbose_name=_("room"), once=["author", "client_id"], related_name="messages"
    )
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        verbose_name=_("author"),
        null=True,
        related_name="messages",
    )
    client_id = models.CharField(_("client id"), max_length=CLIENT_ID_CHARACTERS)
    body = models.TextField(_("body"), blank=True)
    reply_to = models.PositiveBigIntegerField(_("reply to"), null=True, blank=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    edited_at = models.DateTimeField(_("edited at"), null=True, blank=True)
    quoted = models.ForeignObject(
        "self",
        on_delete=models.DO_NOTHING,
        from_fields=["room", "reply_to"],
        to_fields=["room", "seq"],
        null=True,
        editable=False,
        related_name="+",
    )
    """The message that `reply_to` names."""
    writing = models.BooleanField(default=False, editable=False)
    """Whether its author, a bot, still writes it; see `chat/actions/growing.py`."""

    preview = models.JSONField(null=True, editable=False)
    """`PreviewData`; see `chat/actions/previews.py`."""

    emptied = {"body": "", "writing": False, "preview": None}

    class Meta(FeedItem.Meta):
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        indexes = [
            models.Index(
                fields=["author"], condition=Q(writing=True), name="chat_messages_being_written"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.room} {self.seq}"

    @classmethod
    def with_related(cls, items: QuerySet[Self]) -> QuerySet[Self]:
        mentions = Prefetch("mentions", Mention.objects.select_related("user"))
        authors = items.select_related("author", "quoted__author")
        return authors.prefetch_related("reactions", "attachments", mentions)

    def as_data(
        self,
        mentioned: "Sequence[User] | None" = None,
        attachments: "Sequence[Attachment] | None" = None,
    ) -> MessageData:
        """The message as frames carry it.

        Args:
            mentioned: the people whom it mentions, where they are known.
            attachments: what is attached to it, where that is known.
        """
        if attachments is None:
            attachments = list(self.attachments.all())
        if mentioned is None:
            mentioned = [mention.user for mention in self.mentions.all()]
        reactions: dict[str, list[int]] = {}
        if self.rev != self.seq:  # each reaction is a change, so a new message has none
            for reaction in self.reactions.all():
                reactions.setdefault(reaction.emoji, []).append(reaction.user_id)
        names = [user.username for user in mentioned]
        return MessageData(
            seq=self.seq,
            rev=self.rev,
            client_id=self.client_id,
            author=self.sender,
            body=self.body,
            html=render(self.body, names),
            reply_to=self.reply_to,
            quote=self.quoted.as_quote() if self.quoted else None,
            mentions=names,
            reactions=[ReactionData(emoji, users) for emoji, users in reactions.items()],
            attachments=[attachment.as_data() for attachment in attachments],
            preview=None if self.deleted_at else self.preview,
            created_at=self.created_at,
            edited_at=self.edited_at,
            deleted_at=self.deleted_at,
            writing=self.writing,
        )

    def as_quote(self) -> QuoteData:
        words = "" if self.deleted_at else self.words[:QUOTE_CHARACTERS]
        return QuoteData(self.sender, words)

    @property
    def sender(self) -> Person:
        """Its author, or who stands for one whose account was deleted."""
        return self.author.as_person() if self.author else deleted_person()

    @property
    def answered_author_id(self) -> int | None:
        """The id of who wrote the message that it answers; None where there is nobody."""
        return self.quoted.author_id if self.quoted else None

    @property
    def characters(self) -> int:
        preview = sum(map(len, self.preview.values())) if self.preview else 0
        return 2 * len(self.body) + preview  # as it is, and about as much as HTML

    @property
    def words(self) -> str:
        """What it says on one line, or what stands for a message without a body."""
        return plain(self.body) or ("…" if self.writing else str(_("Sent a file.")))


class Attachment(models.Model):
    """A file that somebody has sent to a room, or is about to send.

    There is no file without a row, so nothing is left over in the store: the row is written first
    and deleted last. Without a room it is deleted, and its files are about to be.
    """

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    room = models.ForeignKey(Room, on_delete=models.SET_NULL, null=True, related_name="attachments")
    message = models.ForeignKey(
        Message, on_delete=models.SET_NULL, null=True, related_name="attachments"
    )
    """None: not sent yet."""
    place = models.PositiveSmallIntegerField(default=0)
    """Where it stands among the attachments of its message."""
    uploader = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    name = models.CharField(max_length=FILE_NAME_CHARACTERS)
    content_type = models.CharField(max_length=32)
    """One of `PICTURES`, by what the file has in it, or `FILE`."""
    size = models.PositiveBigIntegerField()
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)
    has_thumbnail = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["place"]
        indexes = [
            models.Index(
                fields=["created_at"], condition=Q(message=None), name="chat_attachments_unsent"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def file_name(self) -> str:
        """Its name in the store."""
        return f"attachments/{self.pk}"

    @property
    def thumbnail_name(self) -> str:
        return f"attachments/{self.pk}.thumbnail"

    @property
    def is_picture(self) -> bool:
        return self.content_type in PICTURES

    def as_data(self) -> AttachmentData:
        return AttachmentData(
            id=self.pk,
            name=self.name,
            type=self.content_type,
            size=self.size,
            width=self.width,
            height=self.height,
            url=reverse("chat:attachment", args=[self.pk]),
            thumbnail=reverse("chat:thumbnail", args=[self.pk]) if self.has_thumbnail else None,
        )


class Reaction(models.Model):
    """One person's emoji on one message."""

    message = models.ForeignKey(
        Message, on_delete=models.CASCADE, related_name="reactions", db_index=False
    )
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    emoji = models.CharField(max_length=32)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["message", "user", "emoji"], name="chat_one_reaction_per_person_and_emoji"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.emoji} by {self.user}"


class Mention(models.Model):
    """A person named in a message, by `@username`."""

    message = models.ForeignKey(
        Message, on_delete=models.CASCADE, related_name="mentions", db_index=False
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="mentions"
    )

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["message", "user"], name="chat_one_mention_per_person"),
        ]

    def __str__(self) -> str:
        return f"@{self.user} in {self.message}"


def direct_name(other: Person | None) -> str:
    """What a direct room is called for someone, by the `other` person in it."""
    return other["name"] if other else str(_("Nobody"))


def other_people(rooms: Iterable[Room]) -> dict[tuple[int, int], Person]:
    """The other person in each of `rooms` that is direct, by the id of the one and the room's."""
    return other_people_in({room.pk for room in rooms if room.is_direct})


def other_people_in(direct: Collection[int]) -> dict[tuple[int, int], Person]:
    """As `other_people`, for the ids of direct rooms."""
    if not direct:
        return {}
    pairs: dict[int, list[User]] = defaultdict(list)
    for each in Membership.objects.filter(room__in=direct).select_related("user"):
        pairs[each.room_id].append(each.user)
    return {
        (one.pk, room_id): other.as_person()
        for room_id, pair in pairs.items()
        for one, other in permutations(pair, 2)
    }
