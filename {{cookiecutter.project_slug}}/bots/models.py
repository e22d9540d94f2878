"""Webhooks: a program's way into a room and, if it has an address, what is said on its way out."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from django.conf import settings
from django.db import models, transaction
from django.db.models.signals import post_delete
from django.dispatch import Signal
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from chat.models import Message, Room
from realtime.feeds.outlets import GiveUp, Outlet
from realtime.posting import BadAddress, Unreachable, post
from realtime.tasks import RetryLater

URL_CHARACTERS = 500
SECRET_BYTES = 32

webhook_off = Signal()
"""Sent with the `webhook` that has given up."""


class Webhook(Outlet):
    """A program that posts to a room as its bot, and to whose `url` the room's messages go."""

    room = models.ForeignKey(
        Room, on_delete=models.CASCADE, verbose_name=_("room"), related_name="webhooks"
    )
    bot = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        verbose_name=_("bot"),
        related_name="webhook",
    )
    digest = models.CharField(max_length=64, unique=True, editable=False)
    """Of the secret in the address to which the program posts."""
    url = models.CharField(_("address"), max_length=URL_CHARACTERS, blank=True)
    signing_secret = models.CharField(max_length=64, editable=False)
    """By which the program recognises what is sent to `url`."""
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    feed_field = "room"
    item_model = Message
    page_items = 1

    class Meta:
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")
        ordering = ["created_at", "pk"]

    def __str__(self) -> str:
        return _("webhook %(number)s") % {"number": self.pk}

    def new_secret(self) -> str:
        """Give it another address to post to, for whoever saves this; returns its secret."""
        secret = secrets.token_urlsafe(SECRET_BYTES)
        self.digest = self.digest_of(secret)
        return secret

    @classmethod
    def digest_of(cls, secret: str) -> str:
        return hashlib.sha256(secret.encode(errors="replace")).hexdigest()

    @classmethod
    def new_signing_secret(cls) -> str:
        return f"whsec_{base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()}"

    def deliver(self, items: Sequence[Message]) -> None:
        """Post a message as it is now, other than the bot's own and unfinished ones."""
        bot = User.objects.filter(pk=self.bot_id, memberships__room=self.room_id).first()
        if bot is None:
            raise GiveUp(str(_("Its bot is not in the room any more.")))
        if not bot.is_active:
            raise GiveUp(str(_("Its bot is not active any more.")))
        for message in items:
            if message.author_id != self.bot_id and not message.writing:
                self._post(message)

    def gave_up(self) -> None:
        webhook_off.send(Webhook, webhook=self)

    def _post(self, message: Message) -> None:
        what = "deleted" if message.deleted_at else "created"
        if what == "created" and message.rev != message.seq:
            what = "updated"
        now = datetime.now(UTC)
        body = msgspec.json.encode(
            {
                "type": f"message.{what}",
                "timestamp": now,
                "data": {"room": self.room.as_data(), "message": message.as_data()},
            }
        )
        event_id, seconds = f"msg_{self.pk}_{message.rev}", int(now.timestamp())
        headers = {
            "Content-Type": "application/json",
            "webhook-id": event_id,
            "webhook-timestamp": str(seconds),
            "webhook-signature": signature(self.signing_secret, event_id, seconds, body),
        }
        try:
            answer = post(self.url, body, headers)
        except (BadAddress, Unreachable) as error:
            raise RetryLater(str(error)) from error
        if answer.status == 410:
            raise GiveUp(str(_("Its address answered 410: it is gone.")))
        if not 200 <= answer.status < 300:
            why = _("Its address answered %(status)s.") % {"status": answer.status}
            raise RetryLater(why, answer.retry_after or 0)


def signature(secret: str, event_id: str, seconds: int, body: bytes) -> str:
    """By https://www.standardwebhooks.com: HMAC-SHA256 of the id, the time and the body."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{event_id}.{seconds}.".encode() + body
    return f"v1,{base64.b64encode(hmac.digest(key, signed, 'sha256')).decode()}"


def delete_bot(instance: Webhook, **kwargs: Any) -> None:  # Any: a signal's
    """Delete the bot of a webhook that is gone, as with its room."""
    transaction.on_commit(lambda: User.objects.filter(pk=instance.bot_id).delete())


post_delete.connect(delete_bot, Webhook)
