"""The names of chat's topics."""

INBOX = "chat"
"""What a client calls its own list of rooms; each person's events go out under `inbox_topic`."""

_ROOM_PREFIX = "chat:"


def room_topic(slug: str) -> str:
    return _ROOM_PREFIX + slug


def room_slug(topic: str) -> str:
    return topic.removeprefix(_ROOM_PREFIX)


def inbox_topic(user_id: int) -> str:
    return f"inbox:{user_id}"
