"""Keys in the site's own addresses, which no log, mail or report of an error keeps.

A link in a mail signs in whoever has it; who knows a webhook's address may post there, and who
knows an invitation link may join its room.
"""

import re
from typing import Any

KEYS = re.compile(r"(/accounts/(?:confirm-email|password/reset/key)/|/hooks/|/join/)[^/\s\"'&<]+")


def without_keys(value: Any) -> Any:  # Any: as what it is given
    """A text, or lists and dictionaries with texts in them, without keys."""
    if isinstance(value, str):
        return KEYS.sub(r"\1...", value)
    if isinstance(value, dict):
        return {name: without_keys(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [without_keys(each) for each in value]
    return value
