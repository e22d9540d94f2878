"""The environment and `.env`: each variable is read once, with a type, and all faults are told."""

import os
import re
from collections.abc import Callable, Collection
from difflib import get_close_matches
from email.utils import getaddresses
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import validate_email

T = TypeVar("T")
D = TypeVar("D")

LINE = re.compile(
    r"""\s*(?:export\s+)?(\w+)\s*=\s*(?:'([^']*)'|"((?:[^"\\]|\\.)*)"|([^'"\#\s].*?)?)(?:\s+\#.*)?\s*"""
)
REFERENCE = re.compile(r"\$(\{.*\}|[A-Z_][A-Z0-9_]*)")
TRUE, FALSE = {"true", "yes", "on", "1"}, {"false", "no", "off", "0"}

LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
DOMAIN = re.compile(rf"({LABEL}\.)*{LABEL}")
HOST = re.compile(rf"\*|\.?({LABEL}\.)*{LABEL}|\[[0-9a-f:.]+\]")
WORD = re.compile(r"[\w-]+", re.ASCII)
PATH = re.compile(r"([\w~-]+/)+", re.ASCII)
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
        self._repeated: set[str] = set()
        self._known: set[str] = set()
        self._in_file = self._variables(file)
        for name, value in self._in_file.items():
            os.environ.setdefault(name, value)

    def read(self, name: str, parse: Callable[[str], T], default: D) -> T | D:
        """What `parse` makes of a variable.

        Args:
            parse: raises a ValueError that says, after the name, what is wrong and what to write.
        """
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

    def boolean(self, name: str, default: bool) -> bool:
        return self.read(name, boolean, default)

    def whole(self, name: str, default: int, least: int, most: int) -> int:
        """A whole number."""
        return self.read(name, lambda text: whole(text, least, most), default)

    def one_of(self, name: str, choices: Collection[str], default: str) -> str:
        return self.read(name, lambda text: one_of(text, choices), default)

    def several(
        self, name: str, default: list[str], parse: Callable[[str], str] = str
    ) -> list[str]:
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
        """A line for each variable of the file that nothing reads, or that it has twice."""
        repeated = [
            f"{name} is in .env more than once, and the last line counts"
            for name in sorted(self._repeated)
        ]
        return repeated + [
            f"{name} is in .env, and nothing reads it"
            + "".join(
                f": is it {each}?" for each in get_close_matches(name.upper(), self._known, 1)
            )
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
        found: dict[str, str] = {}
        for number, line in enumerate(lines, 1):
            if (match := LINE.fullmatch(line)) and "\x00" not in line:
                name, raw, escaped, bare = match.groups(default="")
                self._repeated |= {name} & found.keys()
                found[name] = raw or re.sub(r'\\(["\\$])', r"\1", escaped) or bare
            elif line.strip() and not line.lstrip().startswith("#"):
                self._faults.append(  # without the line, which may hold a secret
                    f".env has no variable in line {number}: write NAME=value, the value in quotes "
                    "where it has a # or a quote."
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


def is_not(text: str, wanted: str) -> ValueError:
    """What to raise where `text` is shown, since it is no secret."""
    shown = text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}..."
    return ValueError(f"cannot be {shown!r}: write {wanted}.")


def boolean(text: str) -> bool:
    if text.lower() in TRUE | FALSE:
        return text.lower() in TRUE
    raise is_not(text, "true or false")


def whole(text: str, least: int, most: int) -> int:
    if re.fullmatch(r"[+-]?[0-9]{1,20}", text) and least <= int(text) <= most:
        return int(text)
    raise is_not(text, f"a whole number from {least} to {most}")


def one_of(text: str, choices: Collection[str]) -> str:
    for choice in choices:
        if choice.lower() == text.lower():
            return choice
    raise is_not(text, f"one of {', '.join(choices)}")


def domain(text: str) -> str:
    if DOMAIN.fullmatch(text.lower()):
        return text.lower()
    raise is_not(text, "a name alone, such as chat.example.com")


def host(text: str) -> str:
    """An entry of ALLOWED_HOSTS."""
    if HOST.fullmatch(text.lower()):
        return text.lower()
    try:
        bare = f"[{ip_address(text)}]" if ":" in text else None
    except ValueError:
        bare = None
    raise is_not(text, bare or "a host without scheme and port, such as chat.example.com or [::1]")


def origin(text: str) -> str:
    """An entry of CSRF_TRUSTED_ORIGINS."""
    text = text.lower()  # as browsers send it
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and parts.hostname and (parts.port or True)
    except ValueError:
        good = False
    if good and text == f"{parts.scheme}://{parts.netloc}" and "@" not in parts.netloc:
        return text
    raise is_not(text, "scheme and host, such as https://chat.example.com")


def network(text: str) -> str:
    """A network, or an address, which is a network of one."""
    try:
        ip_network(text)
    except ValueError:
        try:
            nearest = str(ip_network(text, strict=False))
        except ValueError:
            nearest = "an address or a network, such as 10.0.0.0/8"
        raise is_not(text, nearest) from None
    return text


def word(text: str) -> str:
    if WORD.fullmatch(text):
        return text
    raise is_not(text, "letters, digits and hyphens")


def path(text: str) -> str:
    """Where something is on the site: words that each end with a slash."""
    if PATH.fullmatch(text):
        return text
    better = f"{text.strip('/')}/"
    wanted = "letters, digits and hyphens and a slash at the end, such as admin/"
    raise is_not(text, better if PATH.fullmatch(better) else wanted)


def mailbox(text: str) -> str:
    """An e-mail address, with or without a name before it."""
    try:
        ((_, address),) = getaddresses([text.replace("\n", ",")])
        validate_email(address)
    except (ValidationError, ValueError):
        raise is_not(text, "an address, such as site@example.com") from None
    return text
