"""What the admin shows. It would pass the numbers by, so items are changed by the actions alone."""

from django.contrib import admin

from realtime.admin import ReadOnlyAdmin
from realtime.starting.boards.models import Board, Card


@admin.register(Board)
class BoardAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # Django's own is not generic
    list_display = ["slug", "last_rev"]
    search_fields = ["slug"]


@admin.register(Card)
class CardAdmin(ReadOnlyAdmin):
    list_display = ["__str__", "board", "seq", "rev", "deleted_at"]
    list_filter = ["board"]
    search_fields = ["title"]
