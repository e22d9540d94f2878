"""Presence in the admin: to look at, since what shows is decided by sockets and people."""

from django.contrib import admin
from django.http import HttpRequest

from presence.models import Presence


@admin.register(Presence)
class PresenceAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["user", "last_seen", "hidden"]
    search_fields = ["user__username"]
    list_select_related = ["user"]
    readonly_fields = ["user", "last_seen", "hidden"]
    exclude = ["visibility"]

    @admin.display(boolean=True, description="appears offline")
    def hidden(self, presence: Presence) -> bool:
        return presence.hidden

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Presence | None = None) -> bool:
        return False
