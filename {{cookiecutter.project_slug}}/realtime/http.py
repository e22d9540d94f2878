"""The HTTP response to a request that is refused."""

import logging
from collections.abc import Callable
from math import ceil

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.log import log_response
from redis.exceptions import ConnectionError as NotConnected
from redis.exceptions import ReadOnlyError
from redis.exceptions import TimeoutError as NoAnswer

from realtime.budgets import charging
from realtime.protocol import ErrorCode, Refusal

logger = logging.getLogger(__name__)

# Attempts to sign in are counted in Redis. Without it nobody may sign in, since passwords could be
# guessed during an outage.
REDIS_AWAY = (NotConnected, NoAnswer, ReadOnlyError)
STATUS = {
    ErrorCode.INVALID: 400,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.CONFLICT: 409,
    ErrorCode.TOO_LARGE: 413,
    ErrorCode.RATE_LIMITED: 429,
    ErrorCode.UNAVAILABLE: 503,
}


class RefusalMiddleware:
    """Answers a request that raised `Refusal` with a page, or with JSON if the client prefers it.

    A request that needs Redis while it is down is refused as `unavailable`, and one with half of a
    surrogate pair, which is not UTF-8, as `invalid`. What a request does is paid for from budgets.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with charging():
            return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, REDIS_AWAY):
            response = _answer(request, _away())
            # Instead of Django's own log line, which mails the owner and does not say why.
            log_response(
                "%s was refused: Redis does not answer: %s",
                request.path,
                str(error),
                response=response,
                request=request,
                logger=logger,
                level="warning",
            )
            return response
        if isinstance(error, UnicodeEncodeError) and error.reason == "surrogates not allowed":
            error = Refusal(ErrorCode.INVALID, "This has characters that are not text.")
        return _answer(request, error) if isinstance(error, Refusal) else None


def marked_refused(response: HttpResponse, refusal: Refusal) -> HttpResponse:
    """The response with the status of a refusal, and with `Retry-After` where it says when."""
    response.status_code = STATUS.get(refusal.code, 400)
    if refusal.retry_after is not None:
        response["Retry-After"] = ceil(refusal.retry_after)
    return response


def json_refusal(refusal: Refusal) -> HttpResponse:
    """The response to a program."""
    body: dict[str, object] = {"code": refusal.code, "detail": refusal.detail}
    if refusal.retry_after is not None:
        body["retry_after"] = round(refusal.retry_after, 3)
    return marked_refused(JsonResponse(body), refusal)


def _away() -> Refusal:
    return Refusal(
        ErrorCode.UNAVAILABLE,
        "A part of the site that this needs does not answer right now. "
        "It is not your fault: please try again in a minute.",
    )


def _answer(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    if request.get_preferred_type(["text/html", "application/json"]) == "application/json":
        return json_refusal(refusal)
    return marked_refused(render(request, "refused.html", {"detail": refusal.detail}), refusal)
