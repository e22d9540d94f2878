"""Finding the people named in a message: `@username`."""

import re

from accounts.names import USERNAME_PATTERN

MENTIONS_PER_MESSAGE = 20

# Not within a word, so that an e-mail address mentions nobody; the username is taken as a whole.
_MENTION = re.compile(rf"(?<![\w.@-])@((?>{USERNAME_PATTERN}))(?![\w@])")


def mentioned_usernames(body: str) -> list[str]:
    """The usernames that `body` names: each once, in the order of the text."""
    names = dict.fromkeys(match[1].lower() for match in _MENTION.finditer(body))
    return list(names)[:MENTIONS_PER_MESSAGE]
