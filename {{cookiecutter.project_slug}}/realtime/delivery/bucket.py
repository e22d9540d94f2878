"""Token buckets: how fast a client may send."""

from time import monotonic


class TokenBucket:
    """Holds `size` tokens, refilled at `per_second`; each frame takes one."""

    __slots__ = ("_filled_at", "_per_second", "_size", "_tokens")

    def __init__(self, per_second: float, size: float) -> None:
        self._per_second = per_second
        self._size = size
        self._tokens = size
        self._filled_at = monotonic()

    def take(self) -> float:
        """Take a token: 0.0 if there was one, else the seconds until there will be."""
        now = monotonic()
        self._tokens = min(self._size, self._tokens + (now - self._filled_at) * self._per_second)
        self._filled_at = now
        if self._tokens >= 1:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / self._per_second
