"""Log lines for programs, one JSON object for each event, and mails about errors."""

import json
import logging
import re
from asyncio import CancelledError
from copy import copy
from datetime import UTC, datetime
from threading import Lock
from time import monotonic
from traceback import extract_tb
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestAborted
from django.http import Http404
from django.utils.log import AdminEmailHandler
from django.views.debug import SafeExceptionReporterFilter

from operations.keys import without_keys
from operations.requests import UNREADABLE
from realtime.database import is_away, is_of_a_statement
from realtime.tracing import request_id

MAILS_AN_HOUR = 10
HOUR_SECONDS = 3600.0

CAUSED_BY_CLIENTS = (
    *UNREADABLE,
    BrokenPipeError,
    CancelledError,
    ConnectionAbortedError,
    ConnectionResetError,
    Http404,
    PermissionDenied,
    RequestAborted,
)

ORDINARY = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
PLAIN = (str, int, float, bool)


class LineFormatter(logging.Formatter):
    """Time, level, logger and message in a line, for people; a traceback follows it."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        line: str = without_keys(super().format(_in_short(record)))
        return line

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's)
        return CONTROL.sub(_escaped, super().formatMessage(record))


class JsonFormatter(logging.Formatter):
    """Time, level, logger, message, `for` (the id of the request or connection) and `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        record = _in_short(record)
        line: dict[str, str | float] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id.get():
            line["for"] = request_id.get()
        for name, value in vars(record).items():
            if name not in ORDINARY and isinstance(value, PLAIN):
                line[name] = value
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(without_keys(line))


class OwnerMailHandler(AdminEmailHandler):
    """Mails errors to ADMINS: each once an hour, and at most `MAILS_AN_HOUR` by this process.

    What a client causes, such as a foreign host or a body that is too large, is not mailed.
    """

    def __init__(self) -> None:
        super().__init__(email_backend="accounts.mail.BackgroundBackend")
        self._mailed: set[tuple[object, ...]] = set()
        self._began_at = float("-inf")
        self._counting = Lock()

    def emit(self, record: logging.LogRecord) -> None:
        if not is_caused_by_a_client(record) and self._is_due(_identity(record)):
            super().emit(record)

    def send_mail(self, *args: Any, **kwargs: Any) -> None:  # Any: Django's texts
        super().send_mail(*without_keys(args), **without_keys(kwargs))

    def _is_due(self, error: tuple[object, ...]) -> bool:
        with self._counting:
            now = monotonic()
            if now - self._began_at >= HOUR_SECONDS:
                self._mailed.clear()
                self._began_at = now
            if error in self._mailed or len(self._mailed) >= MAILS_AN_HOUR:
                return False
            self._mailed.add(error)
            return True


class ReporterFilter(SafeExceptionReporterFilter):
    """Keeps addresses, which may have a password in them, out of mails and pages about errors."""

    hidden_settings = re.compile(
        f"{SafeExceptionReporterFilter.hidden_settings.pattern}|CACHES|CHANNEL_LAYERS|DSN|FIRST_RUN_CODE|_URL",
        re.IGNORECASE,
    )


def is_caused_by_a_client(record: logging.LogRecord) -> bool:
    status = getattr(record, "status_code", None)
    return (
        record.name.startswith("django.security")
        or (isinstance(status, int) and status < 500)
        or bool(record.exc_info and isinstance(record.exc_info[1], CAUSED_BY_CLIENTS))
    )


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


def _in_short(record: logging.LogRecord) -> logging.LogRecord:
    """The record with the database's reason in place of a traceback, where that is away."""
    error = record.exc_info and record.exc_info[1]
    if not error or not is_away(error) or is_of_a_statement(error) or settings.DEBUG:
        return record
    short = copy(record)
    why = (str(error).strip() or type(error).__name__).splitlines()[0]
    short.msg, short.args = "%s: %s", (record.getMessage(), why)
    short.exc_info = short.exc_text = None
    return short


def _identity(record: logging.LogRecord) -> tuple[object, ...]:
    """What records of the same error share: where it was raised, or else logged."""
    if record.exc_info and record.exc_info[2]:
        raised = extract_tb(record.exc_info[2])[-1]
        return record.exc_info[0], raised.filename, raised.lineno
    return record.name, record.pathname, record.lineno
