"""Views for browsers and native clients alike."""

from functools import wraps
from typing import Any

from allauth.headless import app_settings as headless
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from realtime.http import View, refusing_in_json
from realtime.sessions import VerifiedSession, verified_sessions


def signed_in(view: View) -> View:
    """Require the browser's session or allauth's session token.

    It gets the `VerifiedSession` after the request, and what it refuses is answered as JSON.
    A token comes in a header that no foreign page can send. A cookie comes by itself, so that way
    is protected against cross-site requests.
    """

    @refusing_in_json
    def answer(
        request: HttpRequest, session_key: str | None, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        session: VerifiedSession | None
        (session,) = verified_sessions([session_key]) if session_key else [None]
        if session is None:
            return JsonResponse(
                {"code": "unauthenticated", "detail": _("Sign in first.")}, status=401
            )
        return view(request, session, *args, **kwargs)

    @csrf_protect
    def answer_browser(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return answer(request, request.session.session_key, *args, **kwargs)

    @csrf_exempt
    @wraps(view)
    def choose(
        request: HttpRequest,
        *args: Any,
        **kwargs: Any,  # Any: what the route gives
    ) -> HttpResponseBase:
        token = request.headers.get("X-Session-Token")
        if token is None:
            return answer_browser(request, *args, **kwargs)
        return answer(request, session_of(token), *args, **kwargs)

    return choose


def session_of(token: str) -> str | None:
    """The session key that a session token of allauth's headless API stands for."""
    session = headless.TOKEN_STRATEGY.lookup_session(token)
    key: str | None = session.session_key if session else None
    return key
