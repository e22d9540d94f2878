"""The pages: they show what is there, and stay in step without a script."""

import secrets

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from accounts.requests import AuthenticatedRequest
from realtime.starting.boards import actions
from realtime.starting.boards.models import Board, Card


class BoardForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's own is not generic
    class Meta:
        model = Board
        fields = ["slug"]
        labels = {"slug": "Name"}


class CardForm(forms.ModelForm):  # type: ignore[type-arg]
    client_id = forms.CharField(  # so that sending the form twice adds one
        max_length=64, initial=secrets.token_hex, widget=forms.HiddenInput
    )

    class Meta:
        model = Card
        fields = ["title", "client_id"]


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def index(request: AuthenticatedRequest) -> HttpResponse:
    form = BoardForm(request.POST or None)
    if form.is_valid():
        return redirect("boards:page", form.save().slug)
    context = {"rows": Board.objects.order_by("slug"), "form": form}
    return render(request, "boards/index.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def page(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    row = get_object_or_404(Board, slug=slug)
    form = CardForm(request.POST or None)
    if form.is_valid():
        actions.add(row, **form.cleaned_data)
        return redirect("boards:page", slug)
    return render(request, "boards/page.html", {"row": row, "form": form})
