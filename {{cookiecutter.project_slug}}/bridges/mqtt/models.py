"""What cannot be handled, and the demo: a board of sensors, as a feed."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Self
from uuid import uuid4

import msgspec
from django.conf import settings
from django.db import models
from django.db.models import UniqueConstraint
from django.dispatch import receiver
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from bridges.mqtt import broker
from realtime.delivery.publishing import publish
from realtime.feeds.models import Feed, FeedItem, FeedKey
from realtime.feeds.outlets import Outlet
from realtime.tasks import task
from realtime.tasks.worker import tidying

REASON_CHARACTERS = 300
KEPT = timedelta(days=30)
PRUNED_AT_ONCE = 1_000


class DeadLetter(models.Model):
    """A message that no consumer can handle: acknowledged to the broker, and kept."""

    topic = models.TextField(_("topic"))
    payload = models.BinaryField()
    upstream_id = models.TextField(_("upstream id"), blank=True)
    reason = models.CharField(_("reason"), max_length=REASON_CHARACTERS)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True, db_index=True)

    class Meta:
        verbose_name = _("dead letter")
        verbose_name_plural = _("dead letters")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.topic}: {self.reason}"

    @classmethod
    def keep(cls, topic: str, payload: bytes, upstream_id: str, reason: str) -> Self:
        """Keep a message, whatever a device or an error has put into its texts."""
        reason = " ".join(_storable(reason).split())[:REASON_CHARACTERS]
        return cls.objects.create(
            topic=_storable(topic),
            payload=payload,
            upstream_id=_storable(upstream_id),
            reason=reason,
        )


class SensorBoard(Feed):
    prefix = "sensors"
    for_everyone = True

    HOME = "home"
    slug = models.SlugField(unique=True)

    class Meta:
        verbose_name = _("sensor board")
        verbose_name_plural = _("sensor boards")

    @classmethod
    def home(cls) -> Self:
        """The site's one board."""
        return cls.objects.get_or_create(slug=cls.HOME)[0]


class Sensor(FeedItem):
    """A device: what it has reported last, and what somebody has asked it for."""

    board = FeedKey(SensorBoard, verbose_name=_("board"), once=["name"], related_name="sensors")
    name = models.SlugField(_("name"))
    value = models.JSONField(_("value"), null=True)
    wanted = models.JSONField(_("wanted"), null=True)
    reported_at = models.DateTimeField(_("reported at"), null=True)

    sent = ("name", "value", "wanted", "reported_at")

    class Meta(FeedItem.Meta):
        verbose_name = _("sensor")
        verbose_name_plural = _("sensors")

    def __str__(self) -> str:
        return self.name


class SensorOutlet(Outlet):
    """Publishes the state of each sensor of a board, at `<MQTT_PREFIX>/feeds/sensors/<name>`."""

    board = models.OneToOneField(SensorBoard, models.CASCADE, related_name="outlet")

    feed_field = "board"
    item_model = Sensor
    give_up_after = timedelta.max  # a broker may be away for long

    def __str__(self) -> str:
        return f"The board {self.board_id} over MQTT"

    @classmethod
    def wake(cls) -> None:
        cls.objects.get_or_create(board=SensorBoard.home())
        super().wake()

    def deliver(self, items: Sequence[Sensor]) -> None:
        broker.publish(
            broker.Publication(
                f"{settings.MQTT_PREFIX}/feeds/sensors/{each.name}",
                msgspec.json.encode(each.as_data()),
                f"{self.board.epoch}-{each.rev}",
                retain=True,  # for devices that come later
            )
            for each in items
        )


class Reading(models.Model):
    """What a device has reported; once for each id that it gave."""

    sensor = models.ForeignKey(Sensor, models.CASCADE, related_name="readings")
    upstream_id = models.CharField(max_length=64)
    value = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        constraints = [UniqueConstraint(fields=["sensor", "upstream_id"], name="mqtt_reading_once")]

    def __str__(self) -> str:
        return f"{self.sensor_id}: {self.value}"


def report(name: str, value: float | bool, upstream_id: str | None = None) -> None:
    """Put what a device reports on the board; once for each id, and each time without one."""
    board = SensorBoard.home()
    with board.changing() as changes:
        sensor, _ = changes.get_or_add(Sensor(board=board, name=name))
        given = {"value": value}
        reading, is_new = sensor.readings.get_or_create(
            upstream_id=upstream_id or uuid4().hex, defaults=given
        )
        if is_new:
            sensor.value, sensor.reported_at = value, reading.created_at
            changes.save(sensor, fields=["value", "reported_at"])
            publish(board.topic, "sensor.updated", sensor.as_data(), rev=sensor.rev)


@task
def prune() -> None:
    """Drop readings and dead letters that are older than `KEPT`."""
    for model in (Reading, DeadLetter):
        old = model.objects.filter(created_at__lt=timezone.now() - KEPT).order_by("created_at")
        ids = list(old.values_list("pk", flat=True)[:PRUNED_AT_ONCE])
        model.objects.filter(pk__in=ids).delete()
    enqueue_pruning()


@receiver(tidying)
def enqueue_pruning(**kwargs: object) -> None:  # a signal's arguments
    """Prune, if there is something to be pruned."""
    old = {"created_at__lt": timezone.now() - KEPT}
    if Reading.objects.filter(**old).exists() or DeadLetter.objects.filter(**old).exists():
        prune.enqueue()


def _storable(text: str) -> str:
    """The text without what a database has no place for."""
    return text.replace("\x00", "").encode(errors="replace").decode()
