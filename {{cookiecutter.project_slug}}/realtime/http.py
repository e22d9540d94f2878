"""The HTTP response to a request that is refused."""

import json.decoder
import logging
from collections.abc import Callable
from functools import wraps
from math import ceil
from traceback import walk_tb
from typing import Any

from django.db import IntegrityError
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    JsonResponse,
    RawPostDataException,
)
from django.shortcuts import render
from django.urls import ResolverMatch
from django.utils.translation import gettext as _

from realtime.budgets import charging
from realtime.protocol import ErrorCode, Refusal

logger = logging.getLogger(__name__)

View = Callable[..., HttpResponseBase]

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

    Two more errors are no fault of the site: a value that nothing can store, and a row that another
    request made first. In the second case the view runs again and finds that row. What a request
    does is paid for from budgets.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with charging():
            return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponseBase | None:
        if is_taken(error) and request.resolver_match:
            return _again(request, request.resolver_match)
        if is_unusable(error):
            logger.warning("%s was refused: %s: %s", request.path, type(error).__name__, error)
            error = Refusal(ErrorCode.INVALID, _("A value in this request cannot be used."))
        return _answer(request, error) if isinstance(error, Refusal) else None


def is_taken(error: Exception) -> bool:
    """Whether a row was refused because there is one with the same unique value."""
    code = getattr(error.__cause__, "sqlstate", None)
    name = getattr(error.__cause__, "sqlite_errorname", "")
    taken = code == "23505" or name in ("SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY")
    return isinstance(error, IntegrityError) and taken


def is_unusable(error: Exception) -> bool:
    """Whether a value cannot be used.

    Such are half a surrogate pair, a NUL, a number that is too large, JSON that is nested deeply, a
    form where the view reads JSON.
    """
    if isinstance(error, UnicodeEncodeError):
        return error.reason == "surrogates not allowed"
    if isinstance(error, (OverflowError, RawPostDataException)):
        return True
    if "NUL (0x00)" in str(error):
        return True
    if not isinstance(error, (RecursionError, ValueError)):
        return False
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    return bool(frames) and frames[-1].f_code.co_filename == json.decoder.__file__


def _again(request: HttpRequest, match: ResolverMatch) -> HttpResponseBase:
    try:
        response: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
    except IntegrityError as error:
        if not is_taken(error):
            raise
        detail = _("Somebody else did the same at this moment. Please try again.")
        return _answer(request, Refusal(ErrorCode.CONFLICT, detail))
    return response


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


def refusing_in_json(view: View) -> View:
    """Let a view for programs raise `Refusal`; whoever raised `unavailable` has logged why."""

    @wraps(view)
    def refusing(  # Any: what the route gives
        request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except Refusal as refusal:
            response = json_refusal(refusal)
            if refusal.code == ErrorCode.UNAVAILABLE:
                response._has_been_logged = True  # type: ignore[attr-defined]  # for Django
            return response

    return refusing


def prefers_json(request: HttpRequest) -> bool:
    return request.get_preferred_type(["text/html", "application/json"]) == "application/json"


def _answer(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    if prefers_json(request):
        return json_refusal(refusal)
    return marked_refused(render(request, "refused.html", {"detail": refusal.detail}), refusal)
