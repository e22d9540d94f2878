"""The HTTP side of web push: what a page and its service worker need."""

from functools import cache
from pathlib import Path
from typing import TypeVar

import msgspec
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST, require_safe
from msgspec import Struct

from accounts.requests import AuthenticatedRequest
from notifications.webpush import actions
from realtime.protocol import ErrorCode, Refusal

T = TypeVar("T")

WORKER = Path(__file__).parent / "push-worker.js"


class _Keys(Struct):
    p256dh: str
    auth: str


class _Subscription(Struct):
    """`PushSubscription.toJSON()`."""

    endpoint: str
    keys: _Keys


class _Endpoint(Struct):
    endpoint: str


@require_safe
def worker(request: HttpRequest) -> HttpResponse:
    """The service worker: at the top of the site, so that it serves all of it."""
    return HttpResponse(_script(), "text/javascript", headers={"Cache-Control": "no-cache"})


@require_POST
@login_required
def subscribe(request: AuthenticatedRequest) -> HttpResponse:
    given = _read(request.body, _Subscription)
    actions.subscribe(
        request.user,
        request.session.session_key or "",
        endpoint=given.endpoint,
        p256dh=given.keys.p256dh,
        auth=given.keys.auth,
    )
    return HttpResponse(status=204)


@require_POST
@login_required
def unsubscribe(request: AuthenticatedRequest) -> HttpResponse:
    actions.unsubscribe(request.user, endpoint=_read(request.body, _Endpoint).endpoint)
    return HttpResponse(status=204)


@cache
def _script() -> str:
    return WORKER.read_text(encoding="utf-8")


def _read(body: bytes, type: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=type)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise Refusal(ErrorCode.INVALID, f"This is no subscription: {error}") from None
