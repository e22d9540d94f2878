"""The environment and `.env`: each variable is read once, with a type, and all faults are told."""

import os
import re
from difflib import get_close_matches
from io import StringIO
from pathlib import Path
from typing import TypeVar

from django.core.exceptions import ImproperlyConfigured
from dotenv.parser import parse_stream

from config.parsers import Parser

T = TypeVar("T")
D = TypeVar("D")

REFERENCE = re.compile(r"\$(\{.*\}|[A-Z_][A-Z0-9_]*)")

# What others than the settings read from `.env`: Compose, Django, Python.
ELSEWHERE = re.compile(
    "BACKUPS|HTTPS?_PORT|MQTT_(LISTEN|PASSWORD)|POSTGRES_(MEMORY|PASSWORD)|TAG"
    "|WEB_(CPUS|MEMORY|REPLICAS)|WORKER_MEMORY"
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
            for each in parse_stream(StringIO(line)):
                if each.key and each.value is not None and "\x00" not in line:
                    self._repeated |= {each.key} & found.keys()
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
