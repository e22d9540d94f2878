"""The interface server: polls the Bot API, and acknowledges what is committed."""

import asyncio
import logging

from django.utils.translation import gettext as _
from telegram import Bot, Update
from telegram.error import Conflict, InvalidToken, RetryAfter, TelegramError

from bridges.telegram import linking, sending
from bridges.telegram.api import connected
from realtime.asgi import Application, Message, Scope
from realtime.database import in_database
from realtime.interfaces import Away, InterfaceServer, is_service_away

logger = logging.getLogger(__name__)

POLL_SECONDS = 25
ATTEMPTS = 3
KINDS = ["message", "edited_message"]


class TelegramServer(InterfaceServer):
    """Hands each update to its chat's instance. An update's offset is confirmed, by the next poll,
    when the update is committed: one that a killed process had taken comes again."""

    protocol = "telegram"

    def __init__(self, application: Application) -> None:
        super().__init__(application)
        self._offset: int | None = None
        self._failures = 0

    async def run(self) -> None:
        try:
            async with connected() as client:
                await self._poll(client)
        except InvalidToken:
            raise SystemExit(
                "Telegram does not know TELEGRAM_TOKEN: copy it from @BotFather again."
            ) from None
        except Conflict as error:
            raise Away(f"another program polls for this bot; stop one of them ({error})") from None
        except TelegramError as error:
            raise Away(f"Telegram does not answer: {error}") from None

    async def send(self, scope: Scope, message: Message) -> None:
        """Takes `chat.send_message`; a task sends it, so that nobody waits for Telegram here."""
        if message["type"] != "chat.send_message":
            raise ValueError(f"A chat takes chat.send_message, not {message['type']}.")
        await in_database(sending.enqueue_answer, scope["chat_id"], message["text"])

    async def _poll(self, client: Bot) -> None:
        me = await client.get_me()
        await in_database(linking.remember_bot, me.id, me.username or "")
        wait = 0
        while True:
            try:
                updates = await client.get_updates(
                    self._offset, timeout=wait, allowed_updates=KINDS
                )
            except RetryAfter as error:
                await asyncio.sleep(error.retry_after.total_seconds())  # type: ignore[union-attr]
                continue
            for update in updates:
                await self._take(update)
                self._offset = update.update_id + 1
            if not wait:
                self.connected()
            wait = POLL_SECONDS

    async def _take(self, update: Update) -> None:
        message = update.effective_message
        if message is None:
            return
        person = message.from_user
        scope: Scope = {
            "type": self.protocol,
            "chat_id": message.chat.id,
            "chat_type": str(message.chat.type),
            "user_id": person.id if person else None,
            "username": person.username if person else None,
            "name": person.name if person else "",
        }
        answered = message.reply_to_message
        event: Message = {
            "type": "chat.received_message",
            "message_id": message.message_id,
            "text": message.text,
            "edited": update.edited_message is not None,
            "reply_to": answered.message_id if answered else None,
        }
        try:
            await self.deliver(scope, event)
        except Exception as error:
            self._failures += 1
            if is_service_away(error) or self._failures < ATTEMPTS:
                raise
            logger.error("A message from Telegram cannot be handled.", exc_info=error)
            text = _("Something went wrong here, so this was not posted. Try again later.")
            await self.send(scope, {"type": "chat.send_message", "text": text})
        self._failures = 0
