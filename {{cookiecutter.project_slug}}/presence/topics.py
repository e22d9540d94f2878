"""The names of presence's topics and groups."""

HERE = "presence"
"""The topic of the people who share a room with whoever joins it."""

_ROOM_PREFIX = "presence:"


def room_topic(room: str) -> str:
    return _ROOM_PREFIX + room


def room_of(topic: str) -> str:
    return topic.removeprefix(_ROOM_PREFIX)


def own_group(user_id: int) -> str:
    """Who hears what `HERE` tells one person alone."""
    return f"presence-of:{user_id}"
