"""Tickets: how a client without cookies opens a socket. Good once, and for a short while."""

import secrets
from datetime import timedelta
from hashlib import sha256

from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from realtime.admission.clients import signed_in
from realtime.budgets import HOUR, Budget
from realtime.conf import limits
from realtime.models import Ticket
from realtime.sessions import VerifiedSession

TICKETS = Budget("tickets", 1_000, HOUR, _("You asked for many tickets in a short time."))


@require_POST
@signed_in
def ticket(request: HttpRequest, session: VerifiedSession) -> HttpResponse:
    """The view that issues a ticket."""
    with transaction.atomic():
        TICKETS.spend(session.user)
        value = issue(session.session_key)
    answer = {"ticket": value, "expires_in": limits().ticket_seconds}
    response = JsonResponse(answer, status=201)
    response["Cache-Control"] = "no-store"
    return response


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
