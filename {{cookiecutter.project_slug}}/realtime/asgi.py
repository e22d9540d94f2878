"""The terms of ASGI, as types."""

from collections.abc import Awaitable, Callable
from typing import Any

Scope = dict[str, Any]  # Any: whatever servers and middleware put there
Message = dict[str, Any]  # Any: each type of message has keys of its own
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
