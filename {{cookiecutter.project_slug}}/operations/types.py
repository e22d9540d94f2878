"""The terms of ASGI."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

Scope = dict[str, Any]  # Any: whatever the protocol has
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
