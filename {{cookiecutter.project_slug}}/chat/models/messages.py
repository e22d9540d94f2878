"""What is said in a room."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from chat.models.rooms import Room


class Message(models.Model):
    """One message, with its place and its latest change in its room's one run of numbers.

    `seq` is the number it was made with and never changes; `rev` is the number of its latest
    change. `client_id` is the sender's own name for it, which makes a retried send harmless.
    A deleted message keeps its row, without its words, so that nothing else moves.

    People with messages are deactivated rather than deleted: conversations would lose their sense.
    """

    room = models.ForeignKey(
        Room, on_delete=models.CASCADE, related_name="messages", db_index=False
    )
    seq = models.PositiveBigIntegerField()
    rev = models.PositiveBigIntegerField()
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="messages"
    )
    client_id = models.CharField(max_length=64)
    body = models.TextField(blank=True)
    reply_to = models.PositiveBigIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    edited_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["seq"]
        constraints = [
            models.UniqueConstraint(fields=["room", "seq"], name="chat_one_message_per_seq"),
            models.UniqueConstraint(fields=["room", "rev"], name="chat_one_message_per_rev"),
            models.UniqueConstraint(
                fields=["room", "author", "client_id"], name="chat_one_message_per_client_id"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.room} {self.seq}"


class Reaction(models.Model):
    """One person's emoji on one message."""

    message = models.ForeignKey(
        Message, on_delete=models.CASCADE, related_name="reactions", db_index=False
    )
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
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
