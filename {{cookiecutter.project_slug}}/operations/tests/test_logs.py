"""Log lines."""

import json
import logging
import sys
from asyncio import CancelledError
from collections.abc import Iterator
from io import StringIO
from time import monotonic
from unittest.mock import ANY

import psycopg
import pytest
from django.core import mail
from django.core.exceptions import (
    BadRequest,
    DisallowedHost,
    RequestAborted,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
)
from django.db import OperationalError
from django.http import UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.test import Client
from pytest_django import Settings

from accounts.mail import flush
from accounts.models import User
from operations.logs import JsonFormatter, LineFormatter, OwnerMailHandler
from realtime.tracing import request_id

LOGIN = "/accounts/login/"
FORM = "application/x-www-form-urlencoded"
API = "/_allauth/app/v1/auth/login"
SURROGATES = r'{"username": "\ud800", "password": "\ud800"}'


def written(record: logging.LogRecord) -> dict[str, object]:
    line: dict[str, object] = json.loads(JsonFormatter().format(record))
    return line


def record(message: str, *args: object, **extra: object) -> logging.LogRecord:
    return logging.getLogger("site").makeRecord(
        "site", logging.INFO, __file__, 1, message, args, None, extra=extra
    )


def test_a_line_is_one_json_object_with_what_was_added() -> None:
    line = JsonFormatter().format(record("Hello\n%s", "you", user=7, request=StringIO()))
    assert "\n" not in line
    read = json.loads(line)
    assert (read["message"], read["level"], read["logger"]) == ("Hello\nyou", "INFO", "site")
    assert read["user"] == 7
    assert "request" not in read


def test_a_line_has_the_id_that_it_was_logged_for() -> None:
    token = request_id.set("abc")
    try:
        assert written(record("Hello"))["for"] == "abc"
    finally:
        request_id.reset(token)


def test_an_exception_stays_in_its_line() -> None:
    failed = record("Failed")
    try:
        raise ValueError("no")
    except ValueError:
        failed.exc_info = sys.exc_info()
    assert "ValueError: no" in str(written(failed)["exception"])

    line = written(record("Not Found: /accounts/password/reset/key/1-c0ffee/"))
    assert line["message"] == "Not Found: /accounts/password/reset/key/.../"


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("57P01", {"message": "Service Unavailable: /rooms/: why"}),
        ("57014", {"message": "Service Unavailable: /rooms/", "exception": ANY}),
        ("40P01", {"message": "Service Unavailable: /rooms/", "exception": ANY}),
    ],
    ids=["away", "timed out", "deadlock"],
)
def test_a_database_that_is_away_costs_a_line_and_a_statement_that_fails_a_traceback(
    code: str, shown: dict[str, object]
) -> None:
    failed = record("Service Unavailable: %s", "/rooms/")
    try:
        raise OperationalError("why\nDETAIL: more") from psycopg.errors.lookup(code)()
    except OperationalError:
        failed.exc_info = sys.exc_info()
    line = written(failed)
    assert {name: line[name] for name in ("message", "exception") if name in line} == shown
    assert failed.exc_info is not None  # for other handlers


def test_what_a_stranger_writes_begins_no_line() -> None:
    line = LineFormatter().format(record("Refused: %s", "/a\n2026-01-01 ERROR \x1b[2J"))
    assert line.endswith(r" INFO site Refused: /a\n2026-01-01 ERROR \x1b[2J")


@pytest.mark.parametrize("name", ["operations.requests", "django.request", "realtime.delivery.hub"])
def test_a_line_is_written_once(name: str) -> None:
    consoles = [each for each in handlers_of(name) if type(each) is logging.StreamHandler]
    assert len(consoles) == 1


def test_the_development_server_does_not_log_requests_again() -> None:
    assert not logging.getLogger("django.channels.server").isEnabledFor(logging.ERROR)


@pytest.fixture
def owner_mail(monkeypatch: pytest.MonkeyPatch) -> OwnerMailHandler:
    """The handler of this process, which has mailed nothing yet."""
    (handler,) = (each for each in logging.root.handlers if isinstance(each, OwnerMailHandler))
    monkeypatch.setattr(handler, "_mailed", set())
    return handler


STRANGERS: list[tuple[str, dict[str, object]]] = [
    ("get", {"path": LOGIN, "headers": {"Host": "evil.example"}}),
    ("get", {"path": f"{LOGIN}?" + "x=&" * 1_001}),
    ("get", {"path": "/nothing-here/"}),
    ("get", {"path": LOGIN, "headers": {"Cookie": 'sessionid="aaaaaaaaaaaaaaaa\\000b"'}}),
    ("post", {"path": LOGIN, "data": {f"field{number}": "" for number in range(1_001)}}),
    ("post", {"path": LOGIN, "data": "x" * 3_000_000, "content_type": FORM}),
    ("post", {"path": LOGIN, "data": "login=a", "content_type": f"{FORM}; charset=utf-16"}),
    ("post", {"path": LOGIN, "data": "login=a", "content_type": f"{FORM}; charset=idna"}),
    ("post", {"path": LOGIN, "data": "x", "content_type": "multipart/form-data"}),
    ("post", {"path": LOGIN, "data": "login=a", "content_type": FORM}),
    ("post", {"path": API, "data": "[" * 100_000, "content_type": "application/json"}),
    ("post", {"path": API, "data": "9" * 5_000, "content_type": "application/json"}),
    ("post", {"path": API, "data": SURROGATES, "content_type": "application/json"}),
    ("post", {"path": API, "data": "{", "content_type": "application/json"}),
    ("get", {"path": f"{LOGIN}?next=http://["}),
    ("get", {"path": f"{LOGIN}?next=//[::1"}),
]


@pytest.mark.django_db
@pytest.mark.usefixtures("owner_mail")
@pytest.mark.parametrize(("method", "request_"), STRANGERS)
def test_what_a_stranger_sends_is_no_error_and_not_mailed(
    caplog: pytest.LogCaptureFixture, method: str, request_: dict[str, object]
) -> None:
    stranger = Client(raise_request_exception=False, enforce_csrf_checks=True)
    answers = [getattr(stranger, method)(**request_).status_code for _ in range(2)]
    assert max(answers) < 500
    assert [each for each in caplog.records if each.levelno >= logging.ERROR] == []
    assert flush()
    assert mail.outbox == []


@pytest.mark.usefixtures("owner_mail")
@pytest.mark.parametrize(
    "error",
    [
        BadRequest(),
        BrokenPipeError(),
        CancelledError(),
        ConnectionResetError(),
        DisallowedHost(),
        MultiPartParserError(),
        RequestAborted(),
        RequestDataTooBig(),
        SuspiciousOperation(),
        TooManyFieldsSent(),
        UnreadablePostError(),
    ],
)
def test_an_error_that_a_client_causes_is_not_mailed(error: BaseException) -> None:
    logging.getLogger("uvicorn.error").error("Exception in ASGI application", exc_info=error)
    assert flush()
    assert mail.outbox == []


@pytest.mark.usefixtures("owner_mail")
def test_an_error_is_mailed_once_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        try:
            raise ValueError("no")
        except ValueError:
            logging.getLogger("realtime.delivery").exception("It failed")

    for _ in range(50):
        fail()
    an_hour_later = monotonic() + 3_601
    monkeypatch.setattr("operations.logs.monotonic", lambda: an_hour_later)
    fail()

    assert flush()
    assert [each.subject.rpartition("] ")[2] for each in mail.outbox] == ["ERROR: It failed"] * 2


@pytest.mark.usefixtures("owner_mail")
def test_many_errors_are_ten_mails_an_hour() -> None:
    for number in range(50):
        line = logging.LogRecord("site", logging.ERROR, "x.py", number, "Failed", (), None)
        logging.root.handle(line)
    assert flush()
    assert len(mail.outbox) == 10


@pytest.mark.django_db
@pytest.mark.usefixtures("owner_mail")
def test_a_page_that_fails_is_mailed(monkeypatch: pytest.MonkeyPatch, ada: User) -> None:
    def fail(*arguments: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("accounts.views.render", fail)
    client = Client(raise_request_exception=False)
    client.force_login(ada)
    sent = [client.get("/settings/profile/").status_code for _ in range(3)]
    assert flush()
    assert sent == [500, 500, 500]
    assert len(mail.outbox) == 1


ADDRESS = "redis://:s3cret-word@redis:6379/0"


@pytest.mark.usefixtures("owner_mail")
def test_no_mail_has_a_password_of_an_address(settings: Settings) -> None:
    settings.REDIS_URL = ADDRESS
    settings.CHANNEL_LAYERS = {"default": {"CONFIG": {"hosts": [{"address": ADDRESS}]}}}
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": [ADDRESS]}}
    logging.getLogger("site").error("This failed")
    flush()
    (sent,) = mail.outbox
    assert "REDIS_URL" in sent.body
    assert "s3cret-word" not in sent.body


def handlers_of(name: str) -> Iterator[logging.Handler]:
    """Every handler of this logger."""
    logger: logging.Logger | None = logging.getLogger(name)
    while logger:
        yield from logger.handlers
        logger = logger.parent


@pytest.mark.django_db
def test_a_request_is_logged_by_its_route(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "operations.requests"):
        Client().get("/accounts/password/reset/key/1-c0ffee/?next=/secret")
    (line,) = (each for each in caplog.records if each.name == "operations.requests")
    assert "c0ffee" not in line.getMessage()
    assert "secret" not in line.getMessage()
    assert line.getMessage().startswith("GET /accounts/password/reset/key/(?P<uidb36>")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("behind_proxy", "given", "kept"),
    [
        (True, "0fc36f1a-99c8", True),
        (True, "a\nb", False),
        (True, "x" * 65, False),
        (False, "0fc36f1a-99c8", False),
    ],
)
def test_a_request_keeps_the_id_that_its_proxy_gave(
    settings: Settings, behind_proxy: bool, given: str, kept: bool
) -> None:
    settings.BEHIND_PROXY = behind_proxy
    answer = Client().get("/accounts/login/", headers={"X-Request-Id": given})
    assert (answer["X-Request-Id"] == given) is kept
