"""The colours of people, on each of which white initials can be read."""

from hashlib import sha256

COLORS = [
    ("#c92a2a", "Red"),
    ("#bf4310", "Orange"),
    ("#8f5f00", "Amber"),
    ("#55730b", "Olive"),
    ("#2b7a35", "Green"),
    ("#087f5b", "Teal"),
    ("#0b7285", "Cyan"),
    ("#1c6cb5", "Blue"),
    ("#3b5bdb", "Indigo"),
    ("#6741d9", "Violet"),
    ("#9c36b5", "Purple"),
    ("#c2255c", "Pink"),
]


def color_for(username: str) -> str:
    """The default colour of a username, always the same one."""
    digest = sha256(username.encode()).digest()
    return COLORS[digest[0] % len(COLORS)][0]
