"""The Bot API (https://core.telegram.org/bots/api), by the class `Bot` of python-telegram-bot."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from ssl import SSLContext

import httpx
from django.conf import settings

os.environ["PTB_TIMEDELTA"] = "true"  # pauses are timedeltas; without it, the library warns

from telegram import Bot
from telegram.error import BadRequest, Forbidden, RetryAfter
from telegram.request import HTTPXRequest

from realtime.tasks import RetryLater

TEXT_CHARACTERS = 4_096
WAIT_SECONDS = 30.0
"""What Telegram asks to wait for a task waits in its thread; for longer, it is run again later."""


class Blocked(Exception):
    """The person has blocked the bot, or is gone."""


@asynccontextmanager
async def connected() -> AsyncIterator[Bot]:
    """A bot with connections of its own, for the loop that runs."""
    async with HTTPXRequest(httpx_kwargs={"verify": _certificates()}) as request:
        base = f"{settings.TELEGRAM_API}/bot"
        yield Bot(settings.TELEGRAM_TOKEN, base, request=request, get_updates_request=request)


def send(chat_id: int, text: str, instead_of: int | None = None) -> int | None:
    """Show plain text in a chat; for tasks.

    Args:
        instead_of: the id of the bot's message that it replaces.

    Returns:
        The message's id; None if Telegram refuses this text, or the change changes nothing.

    Raises:
        Blocked: nothing can be sent to this person.
        RetryLater: Telegram asks for a longer pause.
        TelegramError: it does not answer.
    """
    return asyncio.run(_send(chat_id, text[:TEXT_CHARACTERS], instead_of))


async def _send(chat_id: int, text: str, instead_of: int | None) -> int | None:
    waited = 0.0
    async with connected() as bot:
        while True:
            try:
                if instead_of is None:
                    return (await bot.send_message(chat_id, text)).message_id
                await bot.edit_message_text(text, chat_id, instead_of)
                return instead_of
            except Forbidden as error:
                raise Blocked(str(error)) from None
            except BadRequest:
                return None
            except RetryAfter as error:
                seconds = error.retry_after.total_seconds()  # type: ignore[union-attr]  # see above
                waited += seconds
                if waited > WAIT_SECONDS:
                    raise RetryLater("Telegram asks to wait.", seconds) from None
            await asyncio.sleep(seconds)


@cache
def _certificates() -> SSLContext:
    """Read once: it takes ten times as long as all else of a message."""
    return httpx.create_ssl_context()
