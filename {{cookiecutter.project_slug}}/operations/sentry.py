"""Error reports to Sentry, without message texts and personal data."""

from importlib import import_module
from typing import Any

from operations.keys import without_keys


def report_errors(dsn: str, environment: str) -> None:
    """Report unhandled exceptions and logged errors to `dsn`.

    Raises:
        ValueError: sentry-sdk is not installed, or `dsn` is invalid.
    """
    try:
        sentry = import_module("sentry_sdk")
    except ImportError:
        raise ValueError("needs sentry-sdk: install it with `uv sync --extra sentry`.") from None
    try:
        sentry.init(
            dsn,
            environment=environment,
            send_default_pii=False,
            include_local_variables=False,  # many of them hold message texts
            max_request_body_size="never",
            before_breadcrumb=without_requests,
            before_send=lambda event, hint: without_keys(event),
        )
    except ValueError as error:  # BadDsn
        raise ValueError(
            "is not the address of a Sentry project: copy it from the project's settings."
        ) from error


def without_requests(breadcrumb: dict[str, Any], hint: object) -> dict[str, Any] | None:
    """Leave out what the site asked of others: addresses of bots and browsers are secrets."""
    return None if breadcrumb.get("type") == "http" else without_keys(breadcrumb)
