"""The bridge: an interface server that hands the messages of an MQTT broker to consumers.

A message is acknowledged to the broker when its consumer has committed what it says: after a crash
the broker sends it again. What can never be handled is kept as a dead letter instead.

The scope has the type `mqtt`, the `topic`, and a `path` for `URLRouter`: `/sensors/kitchen`, of the
topic `site/in/sensors/kitchen`. The event has the type `mqtt.message`, the `payload` (bytes), the
`id` that the publisher gave it (its user property `id`, or empty), and `duplicate`, whether the
broker says that it sends it again. The application may send `mqtt.publish`, with the fields of a
`Publication`.

A publisher that gives a response topic hears there what became of its message: mosquitto writes to
its disk after it has acknowledged, so only this says that a message cannot be lost any more.
"""

import asyncio
import logging
from collections.abc import Sequence

import msgspec
from django.conf import settings
from msgspec import MsgspecError
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from bridges.mqtt import broker
from bridges.mqtt.models import DeadLetter, SensorOutlet
from realtime.asgi import Message, Scope
from realtime.conf import limits
from realtime.database import in_database
from realtime.interfaces import InterfaceServer, is_service_away
from realtime.protocol import Refusal

logger = logging.getLogger(__name__)

UNREADABLE = (MsgspecError, Refusal, UnicodeError, ValueError)
NEW_ONLY = SubscribeOptions(1, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)

Reasons = Sequence[ReasonCode]


class MqttServer(InterfaceServer):
    protocol = "mqtt"

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        arrived: asyncio.Queue[MQTTMessage | Exception | None] = asyncio.Queue()

        def put(each: MQTTMessage | Exception | None) -> None:  # paho has a thread of its own
            loop.call_soon_threadsafe(arrived.put_nowait, each)

        def answered(
            _: Client, data: object, flags: object, reason: ReasonCode, *__: object
        ) -> None:
            if reason.is_failure:
                put(broker.refusal(reason))
            else:
                client.subscribe(f"{settings.MQTT_PREFIX}/in/#", options=NEW_ONLY)

        def subscribed(_: Client, data: object, mid: int, reasons: Reasons, *__: object) -> None:
            if reasons[0].is_failure:
                put(broker.refusal(reasons[0]))
            else:
                put(None)

        def lost(_: Client, data: object, flags: object, reason: ReasonCode, *__: object) -> None:
            put(ConnectionError(f"the connection ended: {reason}"))

        client = broker.new_client(f"{settings.MQTT_PREFIX}-bridge", manual_ack=True)
        client.on_connect, client.on_subscribe, client.on_disconnect = answered, subscribed, lost
        client.on_message = lambda _, data, message: put(message)
        await asyncio.to_thread(broker.connect, client, lasting=True)
        client.loop_start()
        try:
            while True:  # what came before the connection was lost is handled nevertheless
                each = await arrived.get()
                if isinstance(each, Exception):
                    raise each
                if each:
                    error = await self._handle(each)
                    if topic := getattr(each.properties, "ResponseTopic", ""):
                        client.publish(topic, _answer(each, error), qos=1)
                    client.ack(each.mid, each.qos)
                else:
                    self.connected()
                    await in_database(SensorOutlet.wake)
        finally:
            client.disconnect()
            client.loop_stop()

    async def send(self, scope: Scope, message: Message) -> None:
        given = {name: message[name] for name in ("id", "retain") if name in message}
        one = broker.Publication(message["topic"], message["payload"], **given)
        await asyncio.to_thread(broker.publish, [one])

    async def _handle(self, message: MQTTMessage) -> str | None:
        """Deliver a message, or keep it as a dead letter and return why."""
        upstream_id = dict(getattr(message.properties, "UserProperty", ())).get("id", "")
        payload = bytes(message.payload)
        path = message.topic.removeprefix(f"{settings.MQTT_PREFIX}/in")
        scope = {"type": self.protocol, "topic": message.topic, "path": path}
        about = {"id": upstream_id, "duplicate": message.dup}
        try:
            if len(payload) > limits().frame_bytes:
                raise ValueError(f"{len(payload):,} bytes; FRAME_BYTES is {limits().frame_bytes:,}")
            await self.deliver(scope, {"type": "mqtt.message", "payload": payload, **about})
        except Exception as error:
            if is_service_away(error):
                raise
            known = isinstance(error, UNREADABLE)
            reason = str(error) if known else repr(error)
            await in_database(DeadLetter.keep, message.topic, payload, upstream_id, reason)
            level, trace = (logging.WARNING, None) if known else (logging.ERROR, error)
            text = "A message on %s is kept as a dead letter: %s"
            logger.log(level, text, message.topic, reason, exc_info=trace)
            return reason if known else "it cannot be handled"
        return None


def _answer(message: MQTTMessage, error: str | None) -> bytes:
    """What the publisher hears: its correlation data, and why the message was not taken, if so."""
    said = getattr(message.properties, "CorrelationData", b"").decode(errors="replace")
    return msgspec.json.encode({"id": said, "error": error})
