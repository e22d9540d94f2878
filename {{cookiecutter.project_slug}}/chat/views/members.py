"""What a room's people do about the others in it: invite, remove, give roles."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from accounts.requests import AuthenticatedRequest
from chat import actions, queries
from chat.views.requests import attempt
from realtime.protocol import Refusal


@require_POST
@login_required
def invite(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    room = queries.room_by_slug(slug)
    queries.membership_of(request.user, room)
    try:
        person = queries.person_by_username(request.POST.get("username", ""))
    except Refusal as refusal:
        messages.error(request, refusal.detail)
        return redirect(room)
    if attempt(request, actions.invite, room, request.user, person):
        messages.success(request, f"{person.name} is invited.")
    return redirect(room)


@require_POST
@login_required
def withdraw(request: AuthenticatedRequest, slug: str, username: str) -> HttpResponse:
    room = queries.room_by_slug(slug)
    person = queries.person_by_username(username)
    attempt(request, actions.withdraw_invitation, room, request.user, person)
    return redirect(room)


@require_POST
@login_required
def remove(request: AuthenticatedRequest, slug: str, username: str) -> HttpResponse:
    room = queries.room_by_slug(slug)
    person = queries.person_by_username(username)
    if attempt(request, actions.remove_member, room, request.user, person):
        messages.success(request, f"{person.name} is no longer in this room.")
    return redirect(room)


@require_POST
@login_required
def role(request: AuthenticatedRequest, slug: str, username: str) -> HttpResponse:
    room = queries.room_by_slug(slug)
    person = queries.person_by_username(username)
    role = request.POST.get("role", "")
    attempt(request, actions.change_role, room, request.user, person, role)
    return redirect(room)
