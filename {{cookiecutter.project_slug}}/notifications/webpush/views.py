"""The HTTP side of web push: what a page needs."""

from typing import TypeVar

import msgspec
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from msgspec import Struct

from accounts.requests import AuthenticatedRequest
from notifications.webpush import actions
from realtime.protocol import ErrorCode, Refusal

T = TypeVar("T")


class _Keys(Struct):
    p256dh: str
    auth: str


class _Subscription(Struct):
    """`PushSubscription.toJSON()`."""

    endpoint: str
    keys: _Keys


class _Endpoint(Struct):
    endpoint: str


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


def _read(body: bytes, type: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=type)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        detail = _("This is no subscription: %(why)s") % {"why": error}
        raise Refusal(ErrorCode.INVALID, detail) from None
