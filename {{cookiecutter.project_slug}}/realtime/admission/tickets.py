"""Tickets: how a client without cookies opens a socket. Good once, and for a short while."""

import secrets
from datetime import timedelta
from hashlib import sha256

from allauth.headless import app_settings as headless
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_POST

from realtime.budgets import HOUR, Budget
from realtime.conf import limits
from realtime.http import json_refusal
from realtime.models import Ticket
from realtime.protocol import Refusal
from realtime.sessions import verified_sessions

TICKETS = Budget("tickets", 1_000, HOUR, "You asked for many tickets in a short time.")


@csrf_exempt
@require_POST
def ticket(request: HttpRequest) -> HttpResponse:
    """The view that issues a ticket, by allauth's session token or by the browser's session.

    A token comes in a header that no foreign page can send. A cookie comes by itself, so that way
    is protected against cross-site requests.
    """
    token = request.headers.get("X-Session-Token")
    if token is None:
        return _answer_browser(request)
    return _answer(session_of(token))


@csrf_protect
def _answer_browser(request: HttpRequest) -> HttpResponse:
    return _answer(request.session.session_key)


def _answer(session_key: str | None) -> HttpResponse:
    (signed_in,) = verified_sessions([session_key]) if session_key else [None]
    if session_key is None or signed_in is None:
        return JsonResponse({"code": "unauthenticated", "detail": "Sign in first."}, status=401)
    try:
        with transaction.atomic():
            TICKETS.spend(signed_in.user)
            answer = {"ticket": issue(session_key), "expires_in": limits().ticket_seconds}
    except Refusal as refusal:
        return json_refusal(refusal)
    response = JsonResponse(answer, status=201)
    response["Cache-Control"] = "no-store"
    return response


def session_of(token: str) -> str | None:
    """The session key that a session token of allauth's headless API stands for."""
    session = headless.TOKEN_STRATEGY.lookup_session(token)
    key: str | None = session.session_key if session else None
    return key


def issue(session_key: str) -> str:
    """A new ticket for the bearer of a session."""
    now = timezone.now()
    Ticket.objects.filter(expires_at__lt=now).delete()
    value = secrets.token_urlsafe(32)
    Ticket.objects.create(
        digest=_digest(value),
        session_key=session_key,
        expires_at=now + timedelta(seconds=limits().ticket_seconds),
    )
    return value


def redeem(value: str) -> str | None:
    """The session key that a ticket stands for; None where it is used, expired or invalid."""
    digest = _digest(value)
    ticket = Ticket.objects.filter(digest=digest, expires_at__gt=timezone.now()).first()
    if ticket is None:
        return None
    deleted, _ = Ticket.objects.filter(digest=digest).delete()
    return ticket.session_key if deleted else None  # two at once: the database lets one delete


def _digest(value: str) -> str:
    return sha256(value.encode()).hexdigest()
