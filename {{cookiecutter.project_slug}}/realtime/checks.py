"""System checks for settings with which sockets would lose events or not open."""

from collections.abc import Iterator
from importlib import import_module
from typing import Any

from channels.layers import DEFAULT_CHANNEL_LAYER, channel_layers
from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured

from realtime import budgets
from realtime.sessions import session_rows

IN_MEMORY = "channels.layers.InMemoryChannelLayer"
LOSING = ("asgi_ipc", "asgi_rabbitmq", "asgi_redis", "channels_postgres", "channels_rabbitmq")
OTHERS = "docs/layers.md lists the layers that work: set LAYER_URL, and no CHANNEL_LAYERS."
LEAST_CAPACITY = 1_000  # a process that is busy for a second has as many waiting


@register
def check_layer(  # Any: Django's signature
    app_configs: Any, **kwargs: Any
) -> Iterator[CheckMessage]:
    """The channel layer can be made, reaches every process and loses as little as it can."""
    backend = settings.CHANNEL_LAYERS["default"]["BACKEND"]
    if backend == IN_MEMORY:
        if not settings.DEBUG or settings.WEB_CONCURRENCY > 1:
            yield Error(
                "The in-memory channel layer reaches only the process that it is in.",
                hint="Set REDIS_URL or LAYER_URL; or, to develop in one process, set DEBUG and no "
                "WEB_CONCURRENCY.",
                id="realtime.E001",
            )
        return
    if settings.WEB_CONCURRENCY > 1 and not settings.REDIS_URL:
        yield Error(
            "Without REDIS_URL each process counts sign-ins and shows who is here by itself.",
            hint="Set REDIS_URL besides LAYER_URL, or leave WEB_CONCURRENCY at 1.",
            id="realtime.E005",
        )
    if backend.partition(".")[0] in LOSING:
        yield Error(f"The channel layer {backend} loses messages.", hint=OTHERS, id="realtime.E006")
        return
    try:
        capacity = vars(channel_layers.make_backend(DEFAULT_CHANNEL_LAYER)).get("capacity")
    except Exception as error:  # of its package, or InvalidChannelLayerError
        why = (str(error) or type(error).__name__).splitlines()[0]
        yield Error(f"CHANNEL_LAYERS makes no layer: {why}.", hint=OTHERS, id="realtime.E007")
        return
    if capacity is not None and capacity < LEAST_CAPACITY:
        yield Error(
            f"The channel layer drops what is beyond {capacity} waiting messages of a process.",
            hint=f"Give it a capacity of {LEAST_CAPACITY} or more in its CONFIG.",
            id="realtime.E008",
        )


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
