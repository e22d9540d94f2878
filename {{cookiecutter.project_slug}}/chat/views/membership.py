"""What people do about their own place in a room: come, go, answer an invitation."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from accounts.requests import AuthenticatedRequest
from chat import actions, queries
from chat.views.requests import attempt


@require_POST
@login_required
def join(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    room = queries.room_by_slug(slug)
    actions.enter(room, request.user)
    return redirect(room)


@require_POST
@login_required
def leave(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    room = queries.room_by_slug(slug)
    if not attempt(request, actions.leave_room, room, request.user):
        return redirect(room)
    messages.success(request, f"You left {room.name}.")
    return redirect("chat:home")


@require_POST
@login_required
def accept(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    room = queries.room_by_slug(slug)
    actions.accept_invitation(room, request.user)
    return redirect(room)


@require_POST
@login_required
def decline(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    actions.decline_invitation(queries.room_by_slug(slug), request.user)
    return redirect("chat:home")
