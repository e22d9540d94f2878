"""Bots that answer as they think: a task for each question, a message that grows meanwhile."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import aclosing, suppress
from dataclasses import dataclass
from functools import cache
from threading import Thread
from time import monotonic, time
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.dispatch import receiver
from django.utils.functional import Promise
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from chat import actions
from chat.models import Membership, Message
from chat.signals import Posted, messages_posted
from chat.text import BODY_CHARACTERS
from realtime.budgets import HOUR, Budget
from realtime.protocol import Refusal
from realtime.tasks import enqueue_many, task, unfinished
from realtime.tasks.worker import tidying

logger = logging.getLogger(__name__)

ANSWERS = Budget("answers", 60, HOUR, _("You asked bots many times in a short time."))

GROW_SECONDS = 0.5
"""How often a growing message is shown; each time it is written down, too."""
STALL_SECONDS = 60.0
"""How long a generator may yield nothing."""
ANSWER_SECONDS = 600.0
TURNS = 20

CUT_OFF = _("(Cut off: this was interrupted.)")
STALLED = _("(Cut off: nothing more came.)")
TOO_LONG = _("(Cut off: this took too long.)")
FULL = _("(Cut off: a message has no room for more.)")
FAILED = _("(Cut off: something went wrong.)")


@dataclass(frozen=True)
class Turn:
    """A message of the conversation."""

    author: str
    text: str
    """Never empty; the names of its files are below its words."""
    by_bot: bool


@dataclass(frozen=True)
class Conversation:
    """What a bot is asked.

    Args:
        room: its name.
        turns: the latest messages of the room, the question last.
    """

    room: str
    turns: Sequence[Turn]

    @property
    def question(self) -> str:
        return self.turns[-1].text


Answer = Callable[[Conversation], AsyncGenerator[str, None]]
"""What ANSWERING_BOTS names: an `async def` that yields an answer piece by piece."""


@receiver(messages_posted)
def enqueue_answers(news: Sequence[Posted], **kwargs: Any) -> None:  # Any: a signal's
    """Enqueue an answer of each bot that new messages of people are meant for.

    A bot is asked by a mention, and in a direct room by anything. Bots do not answer bots.
    """
    if not settings.ANSWERING_BOTS:
        return
    partners = _bots_in({each.message.room_id for each in news if each.message.room.is_direct})
    asked = [
        (each.message, bot)
        for each in news
        if each.message.author and not each.message.author.is_bot
        for bot in {*each.mentioned, *partners[each.message.room_id]}
        if bot.is_bot and bot.username in settings.ANSWERING_BOTS
    ]
    if asked:
        refusals = ANSWERS.spend_each([(m.author, 1) for m, _ in asked if m.author])
        calls = zip(asked, refusals, strict=True)
        enqueue_many(answer, [(m.pk, bot.pk, why.detail if why else "") for (m, bot), why in calls])


def _bots_in(room_ids: Collection[int]) -> Mapping[int, list[User]]:
    """By room, its bots."""
    bots: dict[int, list[User]] = defaultdict(list)
    if room_ids:
        found = Membership.objects.filter(room__in=room_ids, user__is_bot=True)
        for each in found.select_related("user"):
            bots[each.room_id].append(each.user)
    return bots


@task
def answer(message_id: int, bot_id: int, refusal: str = "") -> None:
    """Answer a message as a bot.

    A message that is there already was begun by a worker that was killed, and is finished in any
    case.

    Args:
        refusal: said instead, once a minute: why there is no answer.
    """
    client_id = f"answer-{message_id}"
    _cut_off(_being_written().filter(author=bot_id, client_id=client_id))
    question = Message.objects.select_related("room", "author").filter(pk=message_id).first()
    bot = User.objects.filter(pk=bot_id, is_active=True).first()
    if question is None or question.deleted_at or bot is None:
        return
    place: dict[str, Any] = {"room": question.room, "author": bot, "reply_to": question.seq}
    try:
        if refusal:
            minute = f"answer--{question.author_id}-{time() // 60:.0f}"
            actions.post_message(**place, client_id=minute, body=refusal)
        else:
            message, is_new = actions.begin_message(**place, client_id=client_id)
            if is_new:
                note = _Writer(message, bot, question).write()
                actions.finish_message(message, note)
    except Refusal as error:  # the room is gone, or the bot is out of it
        logger.info("%s does not answer message %s: %s", bot, message_id, error.detail)


@task
def finish_answers() -> None:
    """Finish the messages that are being written by no task: it failed for good, or is gone."""
    messages = list(_being_written())  # read before the tasks, which are there before these
    calls = unfinished(answer).values_list("args", flat=True)
    written = {(bot_id, f"answer-{message_id}") for message_id, bot_id, *_ in calls}
    _cut_off(each for each in messages if (each.author_id, each.client_id) not in written)


@receiver(tidying)
def enqueue_finishing(**kwargs: Any) -> None:  # Any: a signal's
    """Look for messages to be finished, if there are any that are being written."""
    if _being_written().exists():
        finish_answers.enqueue()


def _being_written() -> QuerySet[Message]:
    answers = Message.objects.filter(writing=True, client_id__startswith="answer-")
    return answers.select_related("room")


def _cut_off(messages: Iterable[Message]) -> None:
    for message in messages:
        with suppress(Refusal):  # its room is gone
            actions.finish_message(message, CUT_OFF)


class _Writer:
    """Collects what a generator yields, and shows it."""

    def __init__(self, message: Message, bot: User, question: Message) -> None:
        self._message = message
        self._bot = bot
        self._conversation = _conversation(question, bot)
        self._text = ""
        self._came_at = monotonic()

    def write(self) -> str | Promise:
        """Show the message growing until there is no more; returns a note on why, if any."""
        began_at, shown = monotonic(), ""
        collecting = asyncio.run_coroutine_threadsafe(self._collect(), _loop())
        try:
            while True:
                done = _wait(collecting)
                text = self._text
                if text != shown and not actions.grow_message(self._message, text):
                    return CUT_OFF
                shown = text
                if done:
                    return collecting.result()
                if monotonic() - self._came_at > STALL_SECONDS:
                    return STALLED
                if monotonic() - began_at > ANSWER_SECONDS:
                    return TOO_LONG
        finally:
            collecting.cancel()

    async def _collect(self) -> str | Promise:
        try:
            answer: Answer = import_string(settings.ANSWERING_BOTS[self._bot.username])
            async with aclosing(answer(self._conversation)) as pieces:
                async for piece in pieces:
                    self._text += piece
                    self._came_at = monotonic()
                    if len(self._text) >= BODY_CHARACTERS:
                        return FULL
        except Exception as error:
            logger.warning("%s failed to answer: %s: %s", self._bot, type(error).__name__, error)
            return FAILED
        return ""


def _wait(future: "Future[str | Promise]") -> bool:
    try:
        future.exception(GROW_SECONDS)
    except TimeoutError:
        return False
    return True


def _conversation(question: Message, bot: User) -> Conversation:
    before = question.room.messages.filter(seq__lte=question.seq, deleted_at=None, writing=False)
    latest = before.select_related("author").prefetch_related("attachments")
    turns = [
        Turn(each.author.name if each.author else "", _text(each), each.author_id == bot.pk)
        for each in reversed(latest.order_by("-seq")[:TURNS])
    ]
    return Conversation(question.room.name, turns)


def _text(message: Message) -> str:
    files = [f"(File: {each.name})" for each in message.attachments.all()]
    return "\n".join([message.body or message.words, *files])


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """The loop of all generators of this process."""
    loop = asyncio.new_event_loop()
    Thread(target=loop.run_forever, name="answers", daemon=True).start()
    return loop
