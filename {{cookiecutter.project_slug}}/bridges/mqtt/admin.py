"""Dead letters in the admin, and the demo's sensors."""

from django.contrib import admin, messages
from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from bridges.mqtt.broker import Publication, publish
from bridges.mqtt.models import DeadLetter, Sensor
from realtime.admin import ReadOnlyAdmin
from realtime.interfaces import Away

SHOWN_BYTES = 1_000


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "topic", "size", "reason"]
    search_fields = ["topic", "reason"]
    fields = ["created_at", "topic", "upstream_id", "reason", "size", "text"]
    actions = ["retry"]

    @admin.display(description=_("bytes"))
    def size(self, letter: DeadLetter) -> int:
        return len(letter.payload)

    @admin.display(description=_("payload"))
    def text(self, letter: DeadLetter) -> str:
        return repr(bytes(letter.payload[:SHOWN_BYTES]))

    @admin.action(description=_("Publish again, and drop here"), permissions=["delete"])
    def retry(self, request: HttpRequest, letters: QuerySet[DeadLetter]) -> None:
        """What still cannot be handled comes back as a new dead letter."""
        again = list(letters.order_by("pk"))
        try:
            publish(
                Publication(each.topic, bytes(each.payload), each.upstream_id) for each in again
            )
        except (Away, OSError) as error:
            text = _("Nothing was dropped: %(error)s") % {"error": error}
            self.message_user(request, text, messages.ERROR)
            return
        letters.model.objects.filter(pk__in=[each.pk for each in again]).delete()
        text = _("Published again: %(count)s.") % {"count": intcomma(len(again))}
        self.message_user(request, text, messages.SUCCESS)


@admin.register(Sensor)
class SensorAdmin(ReadOnlyAdmin):
    list_display = ["name", "value", "wanted", "reported_at"]
