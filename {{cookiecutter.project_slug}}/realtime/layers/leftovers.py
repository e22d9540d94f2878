"""What a layer goes on keeping for a consumer that has failed.

Channels ends a consumer's channel by cancelling `receive`. One that fails while it handles what it
has received leaves the channel behind, in its groups, to be filled with every later event.
"""

import asyncio
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

_made: WeakKeyDictionary[Any, list[Callable[[], object]]] = WeakKeyDictionary()  # Any: tasks


def note(forget: Callable[[], object]) -> None:
    """The running task has made a channel; `forget` drops what is kept for it."""
    _made.setdefault(asyncio.current_task(), []).append(forget)


def forget_made() -> None:
    """Forget the channels that the running task has made: its consumer has ended."""
    for forget in _made.pop(asyncio.current_task(), ()):
        forget()
