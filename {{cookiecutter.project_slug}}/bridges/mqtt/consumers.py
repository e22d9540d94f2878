"""The demo's consumers: of what devices report, and of the page that shows it."""

from typing import Annotated, Any

import msgspec
from channels.consumer import SyncConsumer
from msgspec import Meta, Struct

from bridges.mqtt.models import Sensor, SensorBoard, report
from realtime.consumers import command
from realtime.database import in_database
from realtime.feeds.consumer import FeedConsumer, ItemCommand
from realtime.protocol import ShortText

SensorName = Annotated[str, Meta(max_length=50)]


class Report(Struct):
    """The payload of a device: `{"value": 21.5, "id": "kitchen-1042"}`."""

    value: bool | float
    id: ShortText | None = None


class DeviceConsumer(SyncConsumer):
    """Takes what one device reports, at `<MQTT_PREFIX>/in/sensors/<name>`."""

    channel_layer_alias = ""  # no layer, so that no device waits for Redis

    def mqtt_message(self, event: dict[str, Any]) -> None:  # Any: an ASGI event
        name = msgspec.convert(self.scope["url_route"]["kwargs"]["name"], SensorName)
        said = msgspec.json.decode(event["payload"], type=Report)
        by_property = msgspec.convert(event["id"] or None, type=ShortText | None)
        report(name, said.value, said.id or by_property)


class Want(ItemCommand):
    """What somebody asks a device for."""

    value: bool | float


class SensorConsumer(FeedConsumer[SensorBoard]):
    feed_model = SensorBoard
    item_model = Sensor
    events = {"sensor.updated": Sensor}

    async def join(self) -> None:
        await in_database(SensorBoard.home)
        await super().join()

    @command("sensor.want")
    def want(self, data: Want) -> object:
        with self.feed.changing() as changes:
            sensor = changes.get(Sensor, seq=data.seq)
            sensor.wanted = data.value
            changes.save(sensor, fields=["wanted"])
            return self.feed.publish("sensor.updated", sensor)
