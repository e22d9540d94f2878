"""Errors to Sentry, without what people wrote and without who they are."""

from importlib import import_module

from django.core.exceptions import ImproperlyConfigured


def report_errors(dsn: str, environment: str) -> None:
    """Send unhandled exceptions and logged errors to `dsn` from now on.

    Raises:
        ImproperlyConfigured: sentry-sdk is not installed, or `dsn` is none.
    """
    try:
        sentry = import_module("sentry_sdk")
    except ImportError:
        raise ImproperlyConfigured(
            "SENTRY_DSN is set, but sentry-sdk is not installed: uv sync --extra sentry"
        ) from None
    try:
        sentry.init(
            dsn,
            environment=environment,
            send_default_pii=False,
            include_local_variables=False,  # a message's text is in many of them
            max_request_body_size="never",
        )
    except ValueError as error:  # BadDsn
        raise ImproperlyConfigured(f"SENTRY_DSN: {error}") from None
