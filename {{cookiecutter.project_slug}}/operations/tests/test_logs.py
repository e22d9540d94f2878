"""Log lines."""

import json
import logging
import sys
from collections.abc import Iterator
from io import StringIO

import pytest
from django.test import Client
from django.utils.log import AdminEmailHandler
from pytest_django import Settings

from operations.logs import JsonFormatter
from realtime.tracing import request_id


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


def test_keys_in_links_are_left_out() -> None:
    line = written(record("Not Found: /accounts/password/reset/key/1-c0ffee/"))
    assert line["message"] == "Not Found: /accounts/password/reset/key/.../"


@pytest.mark.parametrize("name", ["operations.requests", "django.request", "realtime.delivery.hub"])
def test_a_line_is_written_once(name: str) -> None:
    consoles = [each for each in handlers_of(name) if type(each) is logging.StreamHandler]
    assert len(consoles) == 1


def test_the_development_server_does_not_log_requests_again() -> None:
    assert not logging.getLogger("django.channels.server").isEnabledFor(logging.ERROR)


def test_errors_are_mailed_to_the_owner() -> None:
    (mail,) = (
        each for each in handlers_of("django.request") if isinstance(each, AdminEmailHandler)
    )
    assert mail.level == logging.ERROR


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
