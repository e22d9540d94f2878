"""What comes first for every request: whether it can be read, an id, and a line in the log."""

import logging
import re
import time
from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.template.loader import render_to_string
from django.utils.cache import has_vary_header

from realtime.bodies import FULL, FULL_DISK, PLAIN_TEXT, answer_to, is_disk_full
from realtime.tracing import new_id, request_id

logger = logging.getLogger(__name__)

ID = re.compile(r"[0-9a-zA-Z-]{8,64}")


UNREADABLE = (BadRequest, MultiPartParserError, SuspiciousOperation, UnreadablePostError)


class RequestMiddleware:
    """Gives each request an id, and logs its route: its path may contain a key.

    What no view could read is refused here, with one line in the log. Django's own way is an error
    with a traceback, and fails where its error page reads the same request.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        given_id = _id(request)
        request_id.set(given_id)
        response = _refusal(request) or self.get_response(request)
        response["X-Request-Id"] = given_id
        if has_vary_header(response, "Cookie"):
            # What a person has seen is not shown again to who goes back after they signed out.
            response.setdefault("Cache-Control", "private, no-store")
        route = f"/{request.resolver_match.route}" if request.resolver_match else "no route"
        took = round((time.perf_counter() - started) * 1000, 1)
        logger.info(
            "%s %s %d",
            request.method,
            route,
            response.status_code,
            extra={"status": response.status_code, "ms": took},
        )
        return response


def _id(request: HttpRequest) -> str:
    given = request.headers.get("X-Request-Id", "")
    return given if settings.BEHIND_PROXY and ID.fullmatch(given) else new_id()


def _refusal(request: HttpRequest) -> HttpResponse | None:
    """The response to a request that cannot be read: its host, its parameters or its form."""
    try:
        _read(request)
    except UNREADABLE as error:
        logger.warning("A request was refused: %s", str(error).replace("\n", " "))
        return HttpResponseBadRequest(render_to_string("400.html"))
    except OSError as error:
        if not is_disk_full(error):
            raise
        logger.error(FULL_DISK)
        return HttpResponse(answer_to(FULL), PLAIN_TEXT, FULL)
    return None


def _read(request: HttpRequest) -> None:
    """Read what views read. A cookie that spells a NUL is ignored: no database takes one.

    Raises:
        UNREADABLE: it cannot be read.
    """
    request.get_host()
    # Django's own type has no setter.
    request.COOKIES = {name: each for name, each in request.COOKIES.items() if "\x00" not in each}
    charset = (request.content_params or {}).get("charset", "utf-8")
    if charset.lower() not in ("utf-8", "utf8"):
        raise BadRequest("Its charset is not UTF-8.")
    for form in (request.GET, request.POST):  # read now, and kept
        form.keys()
