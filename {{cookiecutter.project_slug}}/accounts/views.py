"""The pages about people."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from accounts.forms import ProfileForm
from accounts.models import User
from accounts.requests import AuthenticatedRequest
from realtime.http import marked_refused
from realtime.protocol import Refusal


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
            response = render(request, "accounts/edit.html", {"form": form})
            return marked_refused(response, refusal)
        messages.success(request, "Your profile is saved.")
        return redirect("accounts:edit")
    return render(request, "accounts/edit.html", {"form": form})
