"""Bots that answer in tests."""

import asyncio
from collections.abc import AsyncGenerator

from bots.answering import Conversation

heard: list[Conversation] = []


async def echo(conversation: Conversation) -> AsyncGenerator[str, None]:
    """Repeats the question, word by word."""
    heard.append(conversation)
    for word in conversation.question.split():
        yield f"{word} "


async def slow(conversation: Conversation) -> AsyncGenerator[str, None]:
    """As a model does: a word now and then."""
    for number in range(100):
        yield f"word{number} "
        await asyncio.sleep(0.05)


async def stalls(conversation: Conversation) -> AsyncGenerator[str, None]:
    yield "Let me think"
    await asyncio.sleep(3_600)


async def fails(conversation: Conversation) -> AsyncGenerator[str, None]:
    yield "The answer is "
    raise ConnectionError("the provider is away")


async def floods(conversation: Conversation) -> AsyncGenerator[str, None]:
    while True:
        yield "more and more \x00\ud800"


async def silent(conversation: Conversation) -> AsyncGenerator[str, None]:
    if conversation.question == "":
        yield ""
