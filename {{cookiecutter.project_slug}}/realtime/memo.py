"""What was read a moment ago, for those who come right after."""

from collections.abc import Hashable
from time import monotonic
from typing import Any

KEPT_SECONDS = 1.0


class Memo:
    """Keeps what was read about an audience, for a second.

    The hub has one for each audience and begins a new one with every event there. So whoever has
    subscribed may use what it keeps: what has changed since is yet to be heard.
    """

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: dict[Hashable, tuple[float, Any]] = {}  # Any: whatever was read

    def keep(self, key: Hashable, value: Any) -> None:
        self._kept[key] = monotonic(), value

    def recall(self, key: Hashable) -> Any | None:
        """What was kept under `key`, unless it is too old."""
        kept_at, value = self._kept.get(key, (0.0, None))
        return value if monotonic() - kept_at < KEPT_SECONDS else None
