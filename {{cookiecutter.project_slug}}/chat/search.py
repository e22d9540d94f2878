"""Searching the messages of one's rooms: what is asked for, and what is shown of what is found."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from unicodedata import normalize

from django.contrib.humanize.templatetags.humanize import intcomma
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from accounts.models import User
from chat.budgets import SEARCHES
from chat.models import PICTURES, Attachment, Membership, Message, other_people
from chat.queries import person_by_username
from chat.words import Says, Term
from realtime.protocol import ErrorCode, Refusal

QUERY_CHARACTERS = 200
RESULTS_SHOWN = 20
EXCERPT_CHARACTERS = 280
BEFORE_WORDS = 8
BEFORE_CHARACTERS = 80
"""An excerpt begins so far at most before the first word that was looked for."""

PIECE = re.compile(
    r'"(?P<phrase>[^"]*)"?|(?P<filter>from|in|has):(?P<value>[^\s"]+)|(?P<word>[^\s"]+)',
    re.IGNORECASE,
)
WORD = re.compile(r"[^\W_](?:[^\W_]|[\u0300-\u036f])*")
ACCENTS = re.compile(r"[\u0300-\u036f]+")

_files = Attachment.objects.exclude(message=None)
THINGS = {
    "file": Q(pk__in=_files.values("message")),
    "image": Q(pk__in=_files.filter(content_type__in=PICTURES).values("message")),
    "link": Q(Says([Term("http", is_beginning=True)]), body__contains="://"),
}
"""What a message may have."""

Part = tuple[str, bool]
"""Some text, and whether it was looked for."""


class Query(NamedTuple):
    """What is looked for: messages with all of the terms and things, by any of these people in
    any of these rooms."""

    terms: list[Term]
    usernames: list[str]
    slugs: list[str]
    things: list[str]

    @property
    def is_narrow(self) -> bool:
        """Whether it asks for more than a room, whose page has all of its messages."""
        return bool(self.terms or self.usernames or self.things)


class Page(NamedTuple):
    """Some messages, the latest first, each with the parts of its excerpt; and the message `before`
    which there are more."""

    results: Sequence[tuple[Message, Sequence[Part]]]
    before: int | None


def read(text: str) -> Query:
    """What somebody has typed: words, "words in quotes", and filters such as from:ada.

    The last word may be the beginning of one. Anything else only parts words.

    Raises:
        Refusal: `invalid`, it has no word, or asks for a thing that no message has; `too_large`.
    """
    if len(text) > QUERY_CHARACTERS:
        detail = _(
            "A search has at most %(most)s characters, and this has %(number)s. "
            "Leave some words out."
        )
        values = {"most": intcomma(QUERY_CHARACTERS), "number": intcomma(len(text))}
        raise Refusal(ErrorCode.TOO_LARGE, detail % values)
    terms: list[Term] = []
    filters: dict[str, list[str]] = {"from": [], "in": [], "has": []}
    for piece in PIECE.finditer(text):
        words = piece["word"] or piece["phrase"] or ""
        if piece["filter"]:
            filters[piece["filter"].lower()].append(piece["value"].lower())
        elif WORD.search(words):
            goes_on = bool(piece["word"]) and (len(words) > 1 or not words.isascii())
            terms.append(Term(words, goes_on))
    terms[:-1] = [Term(term.text) for term in terms[:-1]]
    for thing in filters["has"]:
        if thing not in THINGS:
            detail = _("A message cannot have “%(thing)s”. Write has:file, has:image or has:link.")
            raise Refusal(ErrorCode.INVALID, detail % {"thing": thing})
    if not terms and not any(filters.values()):
        detail = _("There is no word in this. Write one: signs and emoji alone cannot be found.")
        raise Refusal(ErrorCode.INVALID, detail)
    return Query(terms, filters["from"], filters["in"], filters["has"])


def found(user: User, query: Query, before: int = -1) -> Page:
    """The latest messages that the user may read and that pass the query.

    Args:
        before: the id of a message; all that are later are left out.

    Raises:
        Refusal: `not_found`, a person, or a room that the user is in; `rate_limited`.
    """
    with transaction.atomic():
        SEARCHES.spend(user)
    readable = Message.objects.filter(room__in=_rooms(user, query.slugs))
    messages = readable.filter(deleted_at=None)
    if query.terms:
        messages = messages.filter(Says(query.terms))
    if query.usernames:
        people = [person_by_username(name) for name in query.usernames]
        messages = messages.filter(author__in=people)
    for thing in query.things:
        messages = messages.filter(THINGS[thing])
    if last := readable.filter(pk=before).first():
        is_older = Q(created_at__lt=last.created_at)
        messages = messages.filter(is_older | Q(created_at=last.created_at, pk__lt=last.pk))
    messages = messages.select_related("author", "room").prefetch_related("attachments")
    rows = list(messages.order_by("-created_at", "-pk")[: RESULTS_SHOWN + 1])
    shown = rows[:RESULTS_SHOWN]
    others = other_people({message.room for message in shown})
    for message in shown:
        message.room.name = message.room.name_beside(others.get((user.pk, message.room_id)))
    return Page(
        [(message, excerpt(message.words, query.terms)) for message in shown],
        shown[-1].pk if len(rows) > len(shown) else None,
    )


def _rooms(user: User, slugs: Sequence[str]) -> QuerySet[Membership, int]:
    """The ids of the user's rooms, or of those of them that are named."""
    places = Membership.objects.filter(user=user)
    if slugs:
        places = places.filter(room__slug__in=slugs)
        there = set(places.values_list("room__slug", flat=True))
        for slug in slugs:
            if slug not in there:
                detail = _(
                    "You are in no room called “%(slug)s”. Write a room as its address does."
                )
                raise Refusal(ErrorCode.NOT_FOUND, detail % {"slug": slug})
    return places.values_list("room", flat=True)


def excerpt(text: str, terms: Sequence[Term]) -> list[Part]:
    """As much of a text as a result shows, with the words that were looked for apart."""
    words = list(WORD.finditer(text))
    marked = sorted(set(_marked([_folded(word.group()) for word in words], terms)))
    begin = 0
    if marked and len(text) > EXCERPT_CHARACTERS:
        first = marked[0]
        nearest = words[first].start() - BEFORE_CHARACTERS
        begin = max(words[max(first - BEFORE_WORDS, 0)].start(), nearest) if nearest > 0 else 0
    end = begin + EXCERPT_CHARACTERS
    parts = [("…" if begin else "", False)]
    at = begin
    for word in (words[index] for index in marked):
        if word.end() <= end:
            parts += [(text[at : word.start()], False), (word.group(), True)]
            at = word.end()
    parts += [(text[at:end], False), ("…" if end < len(text) else "", False)]
    return [part for part in parts if part[0]]


def _marked(words: Sequence[str], terms: Sequence[Term]) -> Iterator[int]:
    """The places of the words that the terms are about."""
    for term in terms:
        *before, last = map(_folded, WORD.findall(term.text))
        for place in range(len(before), len(words)):
            word = words[place]
            is_meant = word.startswith(last) if term.is_beginning else word == last
            if is_meant and words[place - len(before) : place] == before:
                yield from range(place - len(before), place + 1)


def _folded(word: str) -> str:
    return ACCENTS.sub("", normalize("NFD", word)).casefold()
