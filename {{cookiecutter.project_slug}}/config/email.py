"""The mail server that EMAIL_URL names."""

from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured


def email(url: str) -> dict[str, Any]:  # Any: Django's settings
    """The settings `EMAIL_...`.

    Raises:
        ValueError: `url` names no way to send mail.
    """
    try:
        read: dict[str, Any] = environ.Env.email_url_config(url)
    except (ImproperlyConfigured, ValueError):
        read = {"EMAIL_BACKEND": "smtp"}
    unnamed = "smtp" in read["EMAIL_BACKEND"] and not read.get("EMAIL_HOST")
    if unnamed or "#" in url:
        raise ValueError(
            "is not the address of a mail server: write one such as "
            "smtp+tls://user:password@mail.example.com:587, with %23 for # in a password."
        )
    return read
