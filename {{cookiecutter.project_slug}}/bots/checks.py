"""What `manage.py check` says of bots."""

from collections.abc import Iterator
from inspect import isasyncgenfunction
from typing import Any

from django.conf import settings
from django.core.checks import Error, register
from django.utils.module_loading import import_string

from accounts.names import validate_username


@register()
def check_answering_bots(app_configs: Any, **kwargs: Any) -> Iterator[Error]:  # Any: Django's
    """Each of `ANSWERING_BOTS` has a username and leads to an async generator."""
    for username, path in settings.ANSWERING_BOTS.items():
        try:
            validate_username(username)
            fault = "" if isasyncgenfunction(import_string(path)) else "it is no async generator"
        except Exception as error:  # whatever its module raises
            fault = " ".join(getattr(error, "messages", [f"{type(error).__name__}: {error}"]))
        if fault or username != username.lower():
            yield Error(
                f"ANSWERING_BOTS: {username} cannot answer by {path}: {fault or 'upper case'}",
                hint="Give a username in lower case and the dotted path of an `async def` that "
                "yields text.",
                id="bots.E001",
            )
