"""What the admin shows. Texts are changed by the actions alone, so that everybody sees them."""

from django.contrib import admin

from realtime.starting.notices.models import Notice


@admin.register(Notice)
class NoticeAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # Django's own is not generic
    fields = ["slug", "text", "rev"]
    readonly_fields = ["text", "rev"]
    list_display = ["slug", "text", "rev"]
    search_fields = ["slug", "text"]
