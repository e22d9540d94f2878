"""The pages of notifications: a list that needs no script, and what to be told of."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.requests import AuthenticatedRequest
from notifications import actions, queries
from notifications.forms import PreferencesForm
from realtime.feeds.reading import number
from realtime.http import prefers_json
from realtime.protocol import ErrorCode, Refusal


@require_safe
@login_required
def index(request: AuthenticatedRequest) -> HttpResponse:
    before = number(request.GET.get("before", ""))
    page = queries.listed(request.user.pk, before if before >= 0 else None)
    return render(
        request,
        "notifications/list.html",
        {
            "notifications": page.notifications,
            "older": page.notifications[-1].seq if page.more else None,
            "newest": before < 0,
            "unread": queries.unread_count(request.user.pk),
        },
    )


@require_safe
@login_required
def follow(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Go where a notification leads. The page that is left, or the one that opens, reads it."""
    notification = queries.of(request.user.pk).filter(pk=pk).first()
    if notification is None:
        raise Refusal(ErrorCode.NOT_FOUND, _("There is no such notification."))
    return redirect(notification.link or "notifications:list")


@require_POST
@login_required
def read_all(request: AuthenticatedRequest) -> HttpResponse:
    actions.mark_all_read(request.user)
    return redirect("notifications:list")


@require_POST
@login_required
def read(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    actions.mark_read(request.user, pk)
    return redirect("notifications:list")


@require_POST
@login_required
def delete(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    actions.delete(request.user, pk)
    return redirect("notifications:list")


@require_POST
@login_required
def choose(request: AuthenticatedRequest) -> HttpResponse:
    target, level = request.POST.get("target", ""), request.POST.get("level", "")
    actions.set_target_preference(request.user, target, level)
    if prefers_json(request):
        return HttpResponse(status=204)
    messages.success(request, _("Your choice is saved."))
    return redirect("notifications:settings")


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def settings(request: AuthenticatedRequest) -> HttpResponse:
    form = PreferencesForm(request.user, request.POST or None)
    if form.is_valid():
        form.save()
        messages.success(request, _("Your choices are saved."))
        return redirect("notifications:settings")
    return render(request, "notifications/settings.html", {"form": form})
