"""The page that shows the site at work."""

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from accounts.requests import AuthenticatedRequest
from accounts.two_factor import ask_for_factor

# The labels of what a snapshot has; `operations/live.js` fills these in.
SUMS = {
    "sockets": _("Sockets"),
    "joins": _("Joins/s"),
    "received": _("Frames in/s"),
    "sent": _("Frames out/s"),
}
TASKS = {
    "waiting": _("Tasks waiting"),
    "running": _("Tasks running"),
    "failed": _("Tasks failed"),
    "late_seconds": _("Seconds late"),
}
COLUMNS = {
    "process": _("Process"),
    "layer": _("Layer"),
    "presence": _("Presence"),
    "sockets": _("Sockets"),
    "people": _("People"),
    "topics": _("Topics"),
    "joins": _("Joins/s"),
    "received": _("In/s"),
    "sent": _("Out/s"),
    "deliveries": _("Events/s"),
    "half": _("Lag p50"),
    "most": _("Lag p99"),
    "outbox_bytes": _("Unread"),
    "outbox_most_bytes": _("Slowest"),
    "slow": _("Too slow"),
}


@require_safe
@login_required
def live(request: AuthenticatedRequest) -> HttpResponse:
    """What every process does just now, for staff."""
    if not request.user.is_staff:
        raise PermissionDenied
    told = _("This page needs a second factor: an authenticator app or a key.")
    if asked := ask_for_factor(request, told):
        return asked
    context = {"sums": SUMS, "tasks": TASKS, "columns": COLUMNS}
    return render(request, "operations/live.html", context)
