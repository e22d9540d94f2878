"""Webhooks in the admin: switched on and off there, made on the page of a room's bots."""

from django.contrib import admin
from django.http import HttpRequest

from bots.models import Webhook


@admin.register(Webhook)
class WebhookAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # Django's own is not generic
    list_display = ["__str__", "bot", "room", "url", "is_active", "failures", "error"]
    list_filter = ["is_active"]
    search_fields = ["bot__username", "bot__display_name", "room__slug", "url"]
    list_select_related = ["bot", "room"]
    fields = ["room", "bot", "url", "is_active", "failures", "failing_since", "error", "rev"]
    readonly_fields = ["room", "bot", "url", "failures", "failing_since", "error", "rev"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Webhook, *args: object) -> None:
        if obj.is_active:
            obj.restart()
        else:
            obj.save(update_fields=["is_active"])
