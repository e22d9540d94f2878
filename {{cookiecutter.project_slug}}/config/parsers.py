"""What the variables of the environment may be, but for secrets: a wrong value is shown."""

import re
from collections.abc import Callable
from email.utils import getaddresses
from ipaddress import ip_network
from typing import TypeVar

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from msgspec import MsgspecError, json

T = TypeVar("T")
Parser = Callable[[str], T]
"""Raises a ValueError that says, after the variable's name, what is wrong and what to write."""

SHOWN_CHARACTERS = 60


def is_not(text: str, wanted: str) -> ValueError:
    shown = text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}..."
    return ValueError(f"cannot be {shown!r}: write {wanted}.")


def boolean(text: str) -> bool:
    if text.lower() in ("true", "yes", "on", "1"):
        return True
    if text.lower() in ("false", "no", "off", "0"):
        return False
    raise is_not(text, "true or false")


def whole(least: int, most: int) -> Parser[int]:
    """A whole number within these bounds."""

    def parse(text: str) -> int:
        if re.fullmatch(r"[+-]?[0-9]{1,20}", text) and least <= int(text) <= most:
            return int(text)
        raise is_not(text, f"a whole number from {least} to {most}")

    return parse


def one_of(choices: list[str]) -> Parser[str]:
    def parse(text: str) -> str:
        for choice in choices:
            if choice.lower() == text.lower():
                return choice
        raise is_not(text, f"one of {', '.join(choices)}")

    return parse


def shaped(pattern: str, wanted: str) -> Parser[str]:
    """A text that matches `pattern`."""

    def parse(text: str) -> str:
        if re.fullmatch(pattern, text, re.ASCII | re.IGNORECASE):
            return text
        raise is_not(text, wanted)

    return parse


LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
DOMAIN = rf"({LABEL}\.)*{LABEL}"
IPV6 = r"\[[0-9a-f:.]+\]"

domain = shaped(DOMAIN, "a name alone, such as chat.example.com")
host = shaped(
    rf"\*|\.?{DOMAIN}|{IPV6}",
    "a host without scheme and port, such as chat.example.com or [::1]",
)
origin = shaped(
    rf"https?://((\*\.)?{DOMAIN}|{IPV6})(:[0-9]+)?",
    "scheme and host, such as https://chat.example.com",
)
code = shaped(r".{16,}", "16 characters or more, such as openssl rand -hex 16 prints")
word = shaped(r"[\w-]+", "letters, digits and hyphens")
path = shaped(r"([\w~-]+/)+", "letters, digits and hyphens and a slash at the end, such as admin/")


def network(text: str) -> str:
    """A network, or an address, which is a network of one."""
    try:
        ip_network(text)
    except ValueError:
        raise is_not(text, "an address or a network, such as 10.0.0.0/8") from None
    return text


def paths(text: str) -> dict[str, str]:
    """Names, each with a dotted path."""
    try:
        return json.decode(text, type=dict[str, str])
    except MsgspecError:
        wanted = """a JSON object such as {"helper": "helper.answers.answer"}"""
        raise is_not(text, wanted) from None


def mailbox(text: str) -> str:
    """An e-mail address, with or without a name before it."""
    try:
        ((_, address),) = getaddresses([text.replace("\n", ",")])
        validate_email(address)
    except (ValidationError, ValueError):
        raise is_not(text, "an address, such as site@example.com") from None
    return text
