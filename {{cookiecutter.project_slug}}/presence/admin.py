"""Presence in the admin. Sockets and people decide what it is, so it is read-only here."""

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from presence.models import Presence
from realtime.admin import ReadOnlyAdmin


@admin.register(Presence)
class PresenceAdmin(ReadOnlyAdmin):
    list_display = ["user", "last_seen", "hidden"]
    search_fields = ["user__username"]
    list_select_related = ["user"]
    readonly_fields = ["user", "last_seen", "hidden"]
    exclude = ["visibility"]

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    @admin.display(boolean=True, description=_("appears offline"))
    def hidden(self, presence: Presence) -> bool:
        return presence.hidden
