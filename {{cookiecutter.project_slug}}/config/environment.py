"""The environment and `.env`: each variable is read once, with a type, and all faults are told."""

import os
import re
from collections.abc import Callable
from difflib import get_close_matches
from email.utils import parseaddr
from io import StringIO
from ipaddress import ip_network
from pathlib import Path
from typing import TypeVar

from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import validate_email
from dotenv.parser import parse_stream

T = TypeVar("T")
D = TypeVar("D")
Parser = Callable[[str], T]
"""Raises a ValueError that says, after the variable's name, what is wrong and what to write."""

REFERENCE = re.compile(r"\$(\{.*\}|[A-Z_][A-Z0-9_]*)")
SHOWN_CHARACTERS = 60

# What others than the settings read from `.env`: Compose, Django, Python.
ELSEWHERE = re.compile(
    "BACKUPS|HTTPS?_PORT|POSTGRES_(MEMORY|PASSWORD)|TAG|WEB_(CPUS|MEMORY|REPLICAS)|WORKER_MEMORY"
    "|(COMPOSE|DJANGO|DOCKER|PROMETHEUS|PYTHON|UV)_?[A-Z_]+"
)


class Environment:
    """Variables of the process's environment, and of a file for those that it leaves out.

    An empty value counts as none, and blanks around a value do not count. A variable with a wrong
    value is taken as its default until `check` tells of all of them.
    """

    def __init__(self, file: Path) -> None:
        self._faults: list[str] = []
        self._known: set[str] = set()
        self._in_file = self._variables(file)
        for name, value in self._in_file.items():
            os.environ.setdefault(name, value)

    def read(self, name: str, parse: Parser[T], default: D) -> T | D:
        """What `parse` makes of a variable."""
        self._known.add(name)
        text = os.environ.get(name, "").strip()
        if not text:
            return default
        try:
            return parse(_plain(text))
        except ValueError as error:
            self._faults.append(f"{name} {error}")
            return default

    def text(self, name: str, default: str = "") -> str:
        return self.read(name, str, default)

    def required(self, name: str, why: str) -> str:
        """A text that has no default."""
        if not os.environ.get(name, "").strip():
            self._faults.append(f"{name} is not set. {why}")
        return self.text(name)

    def several(self, name: str, default: list[str], parse: Parser[str] = str) -> list[str]:
        """Values that are separated by commas."""
        return self.read(
            name,
            lambda text: [parse(each.strip()) for each in text.split(",") if each.strip()],
            default,
        )

    def check(self) -> None:
        """Refuse to go on where a variable is wrong.

        Raises:
            ImproperlyConfigured: one line for each of them.
        """
        if self._faults:
            raise ImproperlyConfigured("\n".join(self._faults))

    def unknown(self) -> list[str]:
        """A line for each variable of the file that nothing reads."""
        return [
            f"{name} is in .env, and nothing reads it"
            + "".join(f": is it {close}?" for close in get_close_matches(name, self._known, 1))
            for name in self._in_file
            if name not in self._known and not ELSEWHERE.fullmatch(name)
        ]

    def _variables(self, file: Path) -> dict[str, str]:
        try:
            lines = file.read_text(encoding="utf-8-sig").splitlines()
        except FileNotFoundError:
            return {}
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            self._faults.append(f".env cannot be read: {why}. Mend it, or remove it.")
            return {}
        found = {}
        for number, line in enumerate(lines, 1):
            for each in parse_stream(StringIO(line)):
                if each.key and each.value is not None:
                    found[each.key] = each.value
                elif each.key or each.error:  # told without the line, which may hold a secret
                    self._faults.append(
                        f".env has no variable in line {number}: write NAME=value, the value in "
                        "quotes where it has a # or a quote."
                    )
        return found


def _plain(text: str) -> str:
    if text[0] in "'\"" and text[-1] == text[0]:
        raise ValueError("has quotes around its value, which count as part of it: leave them out.")
    if REFERENCE.fullmatch(text):
        raise ValueError(
            "names another variable with $, and nothing puts a value in its place: write the value."
        )
    if not text.replace("\n", "").isprintable():
        raise ValueError("has a character that cannot be seen: write it anew.")
    return text


# Parsers of variables that are no secrets, since a wrong value is shown.


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
word = shaped(r"[\w-]+", "letters, digits and hyphens")
path = shaped(r"([\w~-]+/)+", "letters, digits and hyphens and a slash at the end, such as admin/")


def network(text: str) -> str:
    """A network, or an address, which is a network of one."""
    try:
        ip_network(text)
    except ValueError:
        raise is_not(text, "an address or a network, such as 10.0.0.0/8") from None
    return text


def mailbox(text: str) -> str:
    """An e-mail address, with or without a name before it."""
    try:
        validate_email(parseaddr(text)[1])
    except ValidationError:
        raise is_not(text, "an address, such as site@example.com") from None
    return text
