"""Dead letters in the admin, and the demo's sensors."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

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

    @admin.display(description="bytes")
    def size(self, letter: DeadLetter) -> int:
        return len(letter.payload)

    @admin.display(description="payload")
    def text(self, letter: DeadLetter) -> str:
        return repr(bytes(letter.payload[:SHOWN_BYTES]))

    @admin.action(description="Publish again, and drop here", permissions=["delete"])
    def retry(self, request: HttpRequest, letters: QuerySet[DeadLetter]) -> None:
        """What still cannot be handled comes back as a new dead letter."""
        again = list(letters.order_by("pk"))
        try:
            publish(
                Publication(each.topic, bytes(each.payload), each.upstream_id) for each in again
            )
        except (Away, OSError) as error:
            self.message_user(request, f"Nothing was dropped: {error}", messages.ERROR)
            return
        letters.model.objects.filter(pk__in=[each.pk for each in again]).delete()
        self.message_user(request, f"Published again: {len(again):,}.", messages.SUCCESS)


@admin.register(Sensor)
class SensorAdmin(ReadOnlyAdmin):
    list_display = ["name", "value", "wanted", "reported_at"]
