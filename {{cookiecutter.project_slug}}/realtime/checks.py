"""System checks for settings with which sockets would lose events or not open."""

from importlib import import_module
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured

from realtime import budgets
from realtime.sessions import session_rows

IN_MEMORY = "channels.layers.InMemoryChannelLayer"


@register
def check_layer(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:  # Any: Django's signature
    """The in-memory layer works in one process only."""
    if settings.CHANNEL_LAYERS["default"]["BACKEND"] != IN_MEMORY:
        return []
    if settings.DEBUG and settings.WEB_CONCURRENCY == 1:
        return []
    return [
        Error(
            "The in-memory channel layer reaches only the process that it is in.",
            hint="Set REDIS_URL; or, to develop in one process, set DEBUG and no WEB_CONCURRENCY.",
            id="realtime.E001",
        )
    ]


@register
def check_sessions(
    app_configs: Any, **kwargs: Any
) -> list[CheckMessage]:  # Any: Django's signature
    """A socket closes when its session ends, so sessions must be rows of the database."""
    try:
        session_rows()
    except ImproperlyConfigured as error:
        return [Error(str(error), id="realtime.E003")]
    return []


@register
def check_budgets(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:  # Any: Django's signature
    """BUDGETS has only budgets that there are."""
    import_module(settings.ROOT_URLCONF)  # and with the pages all budgets
    return [
        Error(
            f"BUDGETS: there is no {name!r}.",
            hint=f"There are: {', '.join(sorted(budgets.known))}.",
            id="realtime.E004",
        )
        for name in settings.BUDGETS
        if name not in budgets.known
    ]
