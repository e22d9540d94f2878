"""What the apps' pages in the admin share."""

from django.contrib import admin
from django.http import HttpRequest


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # Django's own has no parameters
    """Rows that only the app itself adds and changes; the admin shows and deletes them."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, row: object = None) -> bool:
        return False
