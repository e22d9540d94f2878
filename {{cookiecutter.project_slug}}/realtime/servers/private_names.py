"""The check that a server has the private names that `lending_*.py` uses."""

import logging
from collections.abc import Iterator, Mapping
from dis import get_instructions
from importlib.metadata import version
from inspect import isfunction
from pkgutil import resolve_name

logger = logging.getLogger(__name__)


def is_usable(names: Mapping[str, str]) -> bool:
    """Whether the installed packages have these names; otherwise a warning says what is missing.

    Args:
        names: the attributes that are used of each class, whose path is `module:Class`.
    """
    missing = next(missing_names(names), None)
    if missing is None:
        return True
    package = missing.partition(".")[0]
    logger.warning(
        "%s %s has no %s, which realtime.servers uses to be faster. The project is served without.",
        package,
        version(package),
        missing.replace(":", "."),
    )
    return False


def missing_names(names: Mapping[str, str]) -> Iterator[str]:
    """The classes and attributes of `names` that the installed packages do not have."""
    for path, attributes in names.items():
        try:
            cls: type = resolve_name(path)
        except (ImportError, AttributeError):
            yield path
            continue
        known = {*dir(cls), *_assigned_in(cls)}
        yield from (f"{path}.{name}" for name in attributes.split() if name not in known)


def _assigned_in(cls: type) -> Iterator[str]:
    """The attributes that a class's methods give to its instances."""
    for base in cls.__mro__:
        for method in filter(isfunction, vars(base).values()):
            for step in get_instructions(method):
                if step.opname == "STORE_ATTR":
                    yield step.argval
