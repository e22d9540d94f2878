"""The names of notifications on the wire."""

TOPIC = "notifications"
"""What every client calls its own; each person's events go out to `audience`."""

_PREFIX = f"{TOPIC}:"


def audience(user_id: int) -> str:
    return f"{_PREFIX}{user_id}"


def user_id(audience: str) -> int:
    return int(audience.removeprefix(_PREFIX))
