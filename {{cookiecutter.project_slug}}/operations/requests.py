"""A log line for every request, with an id that the proxy, the log and the response share."""

import logging
import re
import time
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from realtime.tracing import new_id, request_id

logger = logging.getLogger(__name__)

ID = re.compile(r"[0-9a-zA-Z-]{8,64}")


class RequestMiddleware:
    """Gives each request an id, and logs its route: its path may contain a key."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        given_id = _id(request)
        request_id.set(given_id)
        response = self.get_response(request)
        response["X-Request-Id"] = given_id
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
