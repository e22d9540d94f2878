"""People's chats with the bot, the rooms that they read there, and what it has sent them."""

import logging
from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _

from chat.models import Membership, Message, Room
from chat.queries import named_for
from realtime.feeds.outlets import Outlet

logger = logging.getLogger(__name__)

POSTS_KEPT = timedelta(days=14)
TEXT_CHARACTERS = 4_096  # which Telegram takes
HEAD_CHARACTERS = 94  # with the colon it leaves room for a body of 4,000


class Bot(models.Model):
    """The bot of the token, as Telegram names it to `manage.py runtelegram`."""

    id = models.BigIntegerField(primary_key=True)
    username = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"@{self.username}"


class Code(models.Model):
    """Permission to link one chat. Stored as a digest, so that a leaked table links none.

    It stays when it is used, since Telegram may deliver the message that uses it again.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    digest = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()
    chat_id = models.BigIntegerField(null=True)
    """The chat that used it."""

    def __str__(self) -> str:
        return f"of {self.user}"


class Link(models.Model):
    """A person's private chat with the bot."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="telegram"
    )
    chat_id = models.BigIntegerField(unique=True)
    name = models.CharField(max_length=200)
    """What Telegram calls the person, such as @ada."""
    seen = models.BigIntegerField(default=0)
    """The id of the latest message that was taken from the chat: they ascend."""
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.user} as {self.name}"

    def client_id(self, message_id: int | str) -> str:
        """The `client_id` of what is posted from the chat, whenever Telegram delivers it."""
        return f"telegram-{bot_id()}-{self.chat_id}-{message_id}"

    def may_read(self, room: Room) -> bool:
        """Whether the person is active and a member, and the chat still theirs, as of now."""
        members = Membership.objects.filter(room=room, user=self.user_id, user__is_active=True)
        return members.filter(user__telegram=self.pk).exists()

    def send(self, text: str, instead_of: int | None = None) -> int | None:
        """As `api.send`; a chat whose person has blocked the bot is linked no more."""
        from bridges.telegram import api  # which takes a while to import

        try:
            return api.send(self.chat_id, text, instead_of)
        except api.Blocked:
            for link in Link.objects.select_related("user").filter(chat_id=self.chat_id):
                logger.info("%s has blocked the bot, and is no longer linked.", link)
                link.delete()
            return None

    def show(self, room: Room, message: Message, *, is_new: bool) -> None:
        """Send a message as it is now, once; in place of what the chat has of it, if it has.

        What was written in the chat is there already, and what is old is not sent.
        """
        if message.author_id == self.user_id and message.client_id.startswith(self.client_id("")):
            return
        text = _text(room, message)
        digest = sha256(text.encode()).hexdigest()
        posts = Post.objects.filter(link=self, room=room, seq=message.seq)
        post = posts.first()
        if post and post.digest != digest:
            self.send(text, post.message_id)
            posts.update(digest=digest)
        elif post is None and is_new and not message.deleted_at:
            sent = self.send(text)
            if sent is not None:
                place = {"link": self, "room": room, "seq": message.seq}
                Post.objects.create(**place, message_id=sent, digest=digest)


class Following(Outlet):
    """The room that a person reads and writes in their chat. Choosing another makes a new row."""

    link = models.OneToOneField(Link, on_delete=models.CASCADE, related_name="following")
    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="+")

    feed_field = "room"
    item_model = Message
    page_items = 10

    def __str__(self) -> str:
        return f"{self.link} in {self.room}"

    def deliver(self, items: Sequence[Message]) -> None:
        room = named_for(self.link.user, self.room)
        for message in items:
            if not self.link.may_read(room):
                if self.delete()[0]:
                    self.link.send(_("You are no longer in %(room)s.") % {"room": room.name})
                return
            self.link.show(room, message, is_new=message.seq > self.rev)
        Post.objects.filter(link=self.link, sent_at__lt=timezone.now() - POSTS_KEPT).delete()

    def gave_up(self) -> None:
        self.delete()  # whoever writes here then is told to choose a room


class Post(models.Model):
    """A message of a room as a chat shows it: what an edit changes, and what a reply answers."""

    link = models.ForeignKey(Link, on_delete=models.CASCADE, related_name="+", db_index=False)
    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="+")
    seq = models.PositiveBigIntegerField()
    message_id = models.BigIntegerField()
    """Its id in Telegram."""
    digest = models.CharField(max_length=64)
    """Of the text that is shown."""
    sent_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [
            models.Index(fields=["link", "message_id"], name="telegram_posts_by_id"),
            models.Index(fields=["link", "room", "seq"], name="telegram_posts_by_seq"),
        ]

    def __str__(self) -> str:
        return f"{self.room_id} {self.seq}"


def bot_id() -> str:
    """The number of the bot, with which its token begins."""
    return settings.TELEGRAM_TOKEN.partition(":")[0]


def _text(room: Room, message: Message) -> str:
    author = message.sender["name"]
    head = author if room.is_direct else f"{room.name} · {author}"
    files = "".join(f"\n📎 {each.name}" for each in message.attachments.all())
    said = f"{message.body}{files}".strip() or message.words
    body = _("(deleted)") if message.deleted_at else said
    return f"{head[:HEAD_CHARACTERS]}: {body}"[:TEXT_CHARACTERS]
