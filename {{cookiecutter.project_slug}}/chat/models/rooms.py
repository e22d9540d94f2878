"""Rooms and who belongs to them."""

from uuid import uuid4

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone

from chat.topics import room_topic


class Room(models.Model):
    """A place to talk.

    `last_rev` is the number of the latest change to the room's messages. It moves only under the
    room's row lock, in the transaction that makes the change, so its order is the order of commits.
    `epoch` names this run of numbers: a room restored from an older backup needs a new one.
    """

    class Kind(models.TextChoices):
        PUBLIC = "public", "Public"
        PRIVATE = "private", "Private"
        DIRECT = "direct", "Direct"

    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=80, blank=True)
    about = models.CharField(max_length=300, blank=True)
    kind = models.CharField(max_length=7, choices=Kind, default=Kind.PUBLIC)
    direct_key = models.CharField(
        max_length=41, unique=True, null=True, blank=True, default=None, editable=False
    )
    last_rev = models.PositiveBigIntegerField(default=0, editable=False)
    epoch = models.UUIDField(default=uuid4, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )

    class Meta:
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.name or self.slug

    def get_absolute_url(self) -> str:
        return reverse("chat:room", args=[self.slug])

    @property
    def topic(self) -> str:
        return room_topic(self.slug)

    @property
    def is_public(self) -> bool:
        return self.kind == self.Kind.PUBLIC

    @property
    def is_direct(self) -> bool:
        return self.kind == self.Kind.DIRECT


class Membership(models.Model):
    """A person's place in a room. `last_read` is the `seq` up to which they have read."""

    class Role(models.TextChoices):
        OWNER = "owner", "Owner"
        MODERATOR = "moderator", "Moderator"
        MEMBER = "member", "Member"

    room = models.ForeignKey(
        Room, on_delete=models.CASCADE, related_name="memberships", db_index=False
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships"
    )
    role = models.CharField(max_length=9, choices=Role, default=Role.MEMBER)
    last_read = models.PositiveBigIntegerField(default=0)
    joined_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["room", "user"], name="chat_one_membership_per_person"),
        ]
        indexes = [
            models.Index(fields=["room", "-joined_at", "-id"], name="chat_members_by_joining"),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.room}"

    @property
    def is_owner(self) -> bool:
        return self.role == self.Role.OWNER

    @property
    def may_moderate(self) -> bool:
        return self.role in (self.Role.OWNER, self.Role.MODERATOR)

    @property
    def may_invite(self) -> bool:
        return self.room.is_public or (self.may_moderate and not self.room.is_direct)


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
        return f"{self.user} invited to {self.room}"
