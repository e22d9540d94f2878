"""The pages about people."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.forms import PROFILES, PortraitForm, ProfileForm, set_portrait
from accounts.models import Portrait, User
from accounts.requests import AuthenticatedRequest
from realtime.admission.clients import signed_in
from realtime.http import marked_refused
from realtime.protocol import Refusal
from realtime.sessions import VerifiedSession

KEPT_SECONDS = 31_536_000
"""How long a browser may show a picture again without asking: a new one has another address."""


@require_safe
@login_required
def profile(request: HttpRequest, username: str) -> HttpResponse:
    person = get_object_or_404(User, username=username, is_active=True)
    return render(request, "accounts/profile.html", {"person": person})


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def edit(request: AuthenticatedRequest) -> HttpResponse:
    form = ProfileForm(request.user, request.POST or None)
    if form.is_valid():
        try:
            form.save()
        except Refusal as refusal:
            form.add_error(None, refusal.detail)
            return marked_refused(_show_profile(request, form, PortraitForm()), refusal)
        messages.success(request, _("Your profile is saved."))
        return redirect("accounts:edit")
    return _show_profile(request, form, PortraitForm())


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def change_portrait(request: AuthenticatedRequest) -> HttpResponse:
    if request.method != "POST":  # somebody loads the page of a refusal again
        return redirect("accounts:edit")
    PROFILES.spend(request.user)  # before a picture is unpacked
    form = PortraitForm(request.POST, request.FILES)
    removes = "remove" in request.POST
    if not removes and not form.is_valid():
        return _show_profile(request, ProfileForm(request.user), form)
    set_portrait(request.user, None if removes else form.cleaned_data["picture"])
    messages.success(
        request, _("Your picture is removed.") if removes else _("Your picture is saved.")
    )
    return redirect("accounts:edit")


@require_safe
@signed_in
def portrait(request: HttpRequest, session: VerifiedSession, code: str) -> HttpResponse:
    found = get_object_or_404(Portrait, code=code)
    response = HttpResponse(bytes(found.content), "image/webp")
    response["Cache-Control"] = f"private, max-age={KEPT_SECONDS}, immutable"
    return response


def _show_profile(request: HttpRequest, form: ProfileForm, portrait: PortraitForm) -> HttpResponse:
    return render(request, "accounts/edit.html", {"form": form, "portrait_form": portrait})
