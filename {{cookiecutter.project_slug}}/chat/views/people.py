"""Finding someone to talk to."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.requests import AuthenticatedRequest
from chat import actions, queries

PEOPLE_SHOWN = 100


@require_safe
@login_required
def people(request: AuthenticatedRequest) -> HttpResponse:
    query = request.GET.get("q", "").replace("\x00", "").strip().removeprefix("@")
    people = queries.people_to_talk_to(request.user, query)[:PEOPLE_SHOWN]
    return render(request, "chat/people.html", {"people": people, "query": query})


@require_POST
@login_required
def direct(request: AuthenticatedRequest, username: str) -> HttpResponse:
    return redirect(actions.start_direct(request.user, queries.person_by_username(username)))
