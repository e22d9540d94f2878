"""The pages. A form works without a script as well."""

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from accounts.requests import AuthenticatedRequest
from realtime.starting.notices import actions
from realtime.starting.notices.models import Notice


class NoticeForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's own is not generic
    class Meta:
        model = Notice
        fields = ["slug"]
        labels = {"slug": "Name"}


class TextForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Notice
        fields = ["text"]


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def index(request: AuthenticatedRequest) -> HttpResponse:
    form = NoticeForm(request.POST or None)
    if form.is_valid():
        return redirect("notices:page", form.save().slug)
    context = {"rows": Notice.objects.order_by("slug"), "form": form}
    return render(request, "notices/index.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def page(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    row = get_object_or_404(Notice, slug=slug)
    form = TextForm(request.POST or None, initial={"text": row.text})
    if form.is_valid():
        actions.write(slug, **form.cleaned_data)
        return redirect("notices:page", slug)
    return render(request, "notices/page.html", {"row": row, "form": form})
