"""Refusals on their way to a browser."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from realtime.protocol import ErrorCode, Refusal

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
    """Answers a request whose action was refused with a page, or with JSON where that is wanted."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, Refusal):
            return None
        status = STATUS.get(error.code, 400)
        refusal = {"code": error.code, "detail": error.detail}
        if request.get_preferred_type(["text/html", "application/json"]) == "application/json":
            return JsonResponse(refusal, status=status)
        return render(request, "refused.html", {"status": status, **refusal}, status=status)
