"""System check: the key is there."""

from typing import Any

from django.core import checks

from notifications.webpush.keys import is_configured


def register() -> None:
    checks.register(check_secret)


def check_secret(
    app_configs: Any,  # Any: Django's signature
    **kwargs: Any,
) -> list[checks.CheckMessage]:
    if is_configured():
        return []
    return [
        checks.Warning(
            "WEB_PUSH_SECRET is not set, so browsers that are closed are not told of anything.",
            hint="Give it a long random text, for example from `openssl rand -base64 48`.",
            id="webpush.W001",
        )
    ]
