"""The id of what the running code works for, which every log line names."""

from contextvars import ContextVar
from uuid import uuid4

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""Empty for a process's own work."""


def new_id() -> str:
    return uuid4().hex[:16]
