"""The verbs of notifications: the only code that writes their tables.

Each is synchronous, tells the sockets on commit, and raises `realtime.protocol.Refusal` for what is
not allowed. Call them from views, consumers (through `in_database`), the admin, signals, commands
and threads alike, in a transaction or not.
"""

from notifications.actions.notifying import Notice, notify, notify_all, retract
from notifications.actions.preferences import set_digest, set_preference, set_target_preference
from notifications.actions.reading import (
    delete,
    mark_all_read,
    mark_read,
    mark_target_read,
    prune,
)

__all__ = [
    "Notice",
    "delete",
    "mark_all_read",
    "mark_read",
    "mark_target_read",
    "notify",
    "notify_all",
    "prune",
    "retract",
    "set_digest",
    "set_preference",
    "set_target_preference",
]
