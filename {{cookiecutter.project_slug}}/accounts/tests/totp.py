"""What an authenticator app does: RFC 6238."""

import hmac
from base64 import b32decode
from time import time

STEP_SECONDS = 30


def code(secret: str, steps: int = 0) -> str:
    """The six digits of now, or of so many steps later."""
    counter = int(time()) // STEP_SECONDS + steps
    digest = hmac.digest(b32decode(secret), counter.to_bytes(8, "big"), "sha1")
    offset = digest[-1] & 15
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"
