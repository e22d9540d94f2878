"""Previews of links: a task looks at the first page to which a message links.

What a page says of itself is text, which is shown as text. Pictures are left out: they would lead
readers' browsers to other sites, or have to be kept here.
"""

import logging
import re
from collections.abc import Sequence
from contextlib import suppress
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.dispatch import receiver
from django.utils.text import Truncator

from chat import signals
from chat.budgets import PREVIEWS
from chat.frames import PreviewData
from chat.markdown import first_link
from chat.models import Message
from chat.signals import Posted
from realtime.delivery.publishing import publish
from realtime.fetching import fetch
from realtime.posting import BadAddress, Unreachable
from realtime.protocol import Refusal
from realtime.tasks import enqueue_many, task
from realtime.text import is_visible, plain

logger = logging.getLogger(__name__)

URL_CHARACTERS = 2_000
TITLE_CHARACTERS = 120
DESCRIPTION_CHARACTERS = 240
READ_CHARACTERS = 2_000
"""Of a title or a description, however long it is."""


@task(priority=-10)  # what people wait for comes first
def show_preview(message_id: int) -> None:
    """Fetch the page to which a message links, and give the message its next revision.

    Nothing is shown of a page that cannot be had, and nothing changes where the message has its
    preview, another link or none by now: so doing this twice is harmless.
    """
    message = Message.objects.filter(pk=message_id).select_related("room").first()
    url = link_of(message) if message else None
    preview = _look_at(url) if url else None
    if message is None or preview is None:
        return
    room = message.room
    with suppress(Refusal), room.changing() as changes:  # the room is gone meanwhile
        message = changes.get(Message, pk=message_id)
        if link_of(message) == url:
            message.preview = preview
            changes.save(message, fields=["preview"])
            publish(room.topic, "message.updated", message.as_data(), rev=message.rev)


def link_of(message: Message) -> str | None:
    """The address of which a message still needs a preview, if of any."""
    url = first_link(message.body) if settings.LINK_PREVIEWS and not message.preview else None
    here = rf"https?://{re.escape(settings.DOMAIN_NAME)}(?![-.\w])"
    if url is None or len(url) > URL_CHARACTERS or re.match(here, url, re.IGNORECASE):
        return None
    return url


def preview_of(url: str, html: str) -> PreviewData | None:
    """What a page says of itself; None of one without a title."""
    head = _Head()
    with suppress(AssertionError, ValueError):  # of a declaration or a number that is none
        head.feed(html)  # and never closed: what is not finished is searched again and again
    title = _line(head, ["og:title", "title"], TITLE_CHARACTERS)
    description = _line(head, ["og:description", "description"], DESCRIPTION_CHARACTERS)
    site = urlsplit(url).hostname or ""
    return PreviewData(url=url, site=site, title=title, description=description) if title else None


class _Head(HTMLParser):
    """The first title of a page, and the first of each of its named values."""

    def __init__(self) -> None:
        super().__init__()
        self.said: dict[str, str] = {}
        self._tag = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self._tag = tag
        values = dict(attributes)
        name = values.get("property") or values.get("name")
        if tag == "meta" and name:
            self.said.setdefault(name.lower(), values.get("content") or "")

    def handle_endtag(self, tag: str) -> None:
        self._tag = ""

    def handle_data(self, data: str) -> None:
        if self._tag == "title":
            self.said.setdefault("title", data)


def _look_at(url: str) -> PreviewData | None:
    try:
        return preview_of(url, fetch(url))
    except (BadAddress, Unreachable) as error:
        logger.info("No preview of a link: %s", error)
        return None


def _line(head: _Head, names: Sequence[str], characters: int) -> str:
    """The first of the page's values by these names in which something can be seen."""
    lines = (" ".join(plain(head.said.get(name, "")[:READ_CHARACTERS]).split()) for name in names)
    return Truncator(next(filter(is_visible, lines), "")).chars(characters)


@receiver(signals.messages_posted)
def _posted(news: Sequence[Posted], **kwargs: Any) -> None:  # Any: a signal sends what it likes
    _enqueue([each.message for each in news])


@receiver(signals.message_edited)
def _edited(message: Message, **kwargs: Any) -> None:  # Any: as above
    if message.preview and message.preview["url"] != first_link(message.body):
        message.preview = None
        message.save(update_fields=["preview"])
    _enqueue([message])


def _enqueue(messages: Sequence[Message]) -> None:
    """Enqueue the previews that are due, as far as their authors may have us fetch pages."""
    due = [(each, each.author) for each in messages if each.author and link_of(each)]
    refusals = PREVIEWS.spend_each([(author, 1) for _, author in due]) if due else []
    paid = [each.pk for (each, _), refusal in zip(due, refusals, strict=True) if not refusal]
    enqueue_many(show_preview, [(pk,) for pk in paid])
