"""Rows in the admin that no one adds or changes there, and background tasks among them."""

from django.contrib import admin, messages
from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from realtime.tasks.models import TaskRow
from realtime.tasks.worker import retry


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # Django's own is not generic
    """Shows rows, and deletes them where Django's permissions allow it."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(TaskRow)
class TaskAdmin(ReadOnlyAdmin):
    list_display = ["__str__", "status", "attempts", "due_at", "enqueued_at", "error"]
    list_filter = ["status", "path"]
    search_fields = ["path", "exception"]
    ordering = ["-pk"]
    actions = ["retry"]

    @admin.display(description=_("error"))
    def error(self, row: TaskRow) -> str:
        return row.traceback.strip().rpartition("\n")[2]

    @admin.action(description=_("Run failed tasks again"), permissions=["delete"])
    def retry(self, request: HttpRequest, rows: QuerySet[TaskRow]) -> None:
        count = retry(rows)
        told = ngettext("%(count)s task runs again.", "%(count)s tasks run again.", count)
        self.message_user(request, told % {"count": intcomma(count)}, messages.SUCCESS)
