"""The names of notifications on the wire."""

TOPIC = "notifications"
"""What every client calls its own; each person's events go out to `group`."""

_PREFIX = f"{TOPIC}:"


def group(user_id: int) -> str:
    return f"{_PREFIX}{user_id}"


def user_id(group: str) -> int:
    return int(group.removeprefix(_PREFIX))
