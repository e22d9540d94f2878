"""Tickets for opening a socket, over HTTP."""

from allauth.headless import app_settings as headless
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_POST

from realtime.admission.tickets import issue
from realtime.conf import limits
from realtime.sessions import session_users


@csrf_exempt
@require_POST
def ticket(request: HttpRequest) -> HttpResponse:
    """Issue a ticket to a client with allauth's session token, or to a browser with a session.

    A browser sends its cookie by itself, so that case needs a CSRF token. No foreign page can send
    the header with the session token.
    """
    token = request.headers.get("X-Session-Token")
    if token is None:
        return _ticket_for_browser(request)
    session = headless.TOKEN_STRATEGY.lookup_session(token)
    return _answer(session.session_key if session else None)


@csrf_protect
def _ticket_for_browser(request: HttpRequest) -> HttpResponse:
    return _answer(request.session.session_key)


def _answer(session_key: str | None) -> HttpResponse:
    if session_key is None or session_users([session_key]) == [None]:
        return JsonResponse({"code": "unauthenticated", "detail": "Sign in first."}, status=401)
    answer = {"ticket": issue(session_key), "expires_in": limits().ticket_seconds}
    response = JsonResponse(answer, status=201)
    response["Cache-Control"] = "no-store"
    return response
