"""Announcements from the list of people in the admin."""

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.humanize.templatetags.humanize import intcomma
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.models import User
from notifications.actions import notify
from notifications.forms import AnnouncementForm
from notifications.kinds import ANNOUNCEMENT

PERMISSION = "notifications.add_notification"


@admin.action(description=_("Send an announcement to selected people"))
def announce(
    people: "admin.ModelAdmin[User]", request: HttpRequest, queryset: QuerySet[User]
) -> HttpResponse | None:
    """Ask what to say, then say it to all who were chosen, as `manage.py notify` does."""
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    form = AnnouncementForm(request.POST if "announce" in request.POST else None)
    if form.is_valid():
        told = notify(queryset, ANNOUNCEMENT, **form.cleaned_data)
        text = ngettext("Told %(count)s person.", "Told %(count)s people.", told)
        people.message_user(request, text % {"count": intcomma(told)}, messages.SUCCESS)
        return None
    context = {
        **admin.site.each_context(request),
        "title": _("Send an announcement"),
        "opts": people.opts,
        "form": form,
        "people": queryset.count(),
        "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
        "select_across": request.POST.get("select_across", "0"),
    }
    return render(request, "admin/announce.html", context)


people = admin.site.get_model_admin(User)
people.actions = [*(people.actions or []), announce]
