"""Who views which topic: asked before people are notified of something that is on their screen.

An app that knows it, such as presence, adds a function to `readers`. Where there is none, or it
does not know, nobody views anything: a notification too many is dismissed at a glance, while one
too few is missed.
"""

from collections.abc import Callable, Collection

from django.db import connection

View = tuple[int, str]
"""A person's id, and the topic that their screen shows."""

readers: list[Callable[[Collection[str]], Collection[View]]] = []


def viewers(topics: Collection[str]) -> set[View]:
    """The people, each with the topic, who view one of `topics` now.

    Synchronous; for any thread of a server, and for management commands. Call it before a
    transaction: inside one, where rows may be locked, no store is asked and nobody views anything.
    """
    if connection.in_atomic_block:
        return set()
    return {view for read in readers for view in read(topics)}
