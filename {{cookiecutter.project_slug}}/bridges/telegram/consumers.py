"""The application behind `ProtocolTypeRouter({"telegram": ...})`, one instance for each chat.

Its messages have the names of Channels' introduction: see docs/telegram.md.
"""

from collections import deque
from time import monotonic
from typing import Any

from channels.consumer import AsyncConsumer
from django.utils.translation import gettext as _

from bridges.telegram import conversation
from realtime.asgi import Message
from realtime.budgets import charging
from realtime.database import in_database

WRONG_CODES = 5
WRONG_SECONDS = 600.0
"""Whoever sent `WRONG_CODES` wrong codes in so many seconds has to wait."""


class TelegramConsumer(AsyncConsumer):
    """Talks with one person."""

    channel_layer_alias = ""  # no layer, so that no person waits for Redis

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: Channels' own
        super().__init__(*args, **kwargs)
        self.wrong: deque[float] = deque(maxlen=WRONG_CODES)
        self.has_refused_group = False

    async def chat_received_message(self, event: Message) -> None:
        """Returns when what the message asks for is committed, and its answer enqueued."""
        chat_id: int = self.scope["chat_id"]
        if self.scope["chat_type"] != "private":
            if not self.has_refused_group:
                self.has_refused_group = True
                await self.say(
                    _("I speak with one person at a time: write to me in a private chat.")
                )
            return
        if (event["text"] or "").startswith("/start ") and self._has_guessed():
            await self.say(_("Too many wrong codes. Try again in some minutes."))
            return
        with charging():
            answer = await in_database(conversation.receive, chat_id, self.scope["name"], event)
        if answer == _(conversation.WRONG_CODE):
            self.wrong.append(monotonic())
        if answer:
            await self.say(answer)
        if not event["edited"]:
            await in_database(conversation.took, chat_id, event["message_id"])

    def _has_guessed(self) -> bool:
        """Whether somebody tries out codes."""
        return len(self.wrong) == WRONG_CODES and monotonic() - self.wrong[0] < WRONG_SECONDS

    async def say(self, text: str) -> None:
        await self.send({"type": "chat.send_message", "text": text})
