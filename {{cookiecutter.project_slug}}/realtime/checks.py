"""System checks: settings under which sockets would silently lose events."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.core.checks import register as register_check
from django.core.exceptions import ImproperlyConfigured

from realtime.conf import limits
from realtime.sessions import session_rows

IN_MEMORY = "channels.layers.InMemoryChannelLayer"


def register() -> None:
    register_check(check_layer)
    register_check(check_limits)
    register_check(check_sessions)


def check_layer(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:  # Any: Django's signature
    """The in-memory layer reaches one process only."""
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


def check_limits(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:  # Any: Django's signature
    """REALTIME has only known keys with values of their type."""
    try:
        limits()
    except ImproperlyConfigured as error:
        return [Error(str(error), hint="realtime/conf.py names them.", id="realtime.E002")]
    return []


def check_sessions(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:  # Any: as above
    """A socket ends with the session that it was opened by, so sessions must be rows."""
    try:
        session_rows()
    except ImproperlyConfigured as error:
        return [Error(str(error), id="realtime.E003")]
    return []
