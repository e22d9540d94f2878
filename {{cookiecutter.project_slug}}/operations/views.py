"""The page that shows the site at work."""

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.requests import AuthenticatedRequest
from accounts.two_factor import ask_for_factor

# The labels of what a snapshot has; `operations/live.js` fills these in.
SUMS = {
    "sockets": "Sockets",
    "joins": "Joins/s",
    "received": "Frames in/s",
    "sent": "Frames out/s",
}
TASKS = {
    "waiting": "Tasks waiting",
    "running": "Tasks running",
    "failed": "Tasks failed",
    "late_seconds": "Seconds late",
}
COLUMNS = {
    "process": "Process",
    "layer": "Layer",
    "presence": "Presence",
    "sockets": "Sockets",
    "people": "People",
    "topics": "Topics",
    "joins": "Joins/s",
    "received": "In/s",
    "sent": "Out/s",
    "deliveries": "Events/s",
    "half": "Lag, half",
    "most": "Lag, 99%",
    "outbox_bytes": "Unread",
    "outbox_most_bytes": "Slowest",
    "slow": "Too slow",
}


@require_safe
@login_required
def live(request: AuthenticatedRequest) -> HttpResponse:
    """What every process does just now, for staff."""
    if not request.user.is_staff:
        raise PermissionDenied
    if asked := ask_for_factor(request, "This page"):
        return asked
    context = {"sums": SUMS, "tasks": TASKS, "columns": COLUMNS}
    return render(request, "operations/live.html", context)
