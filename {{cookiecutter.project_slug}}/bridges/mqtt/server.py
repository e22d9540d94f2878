"""The bridge: an interface server that hands the messages of an MQTT broker to consumers.

A message is acknowledged to the broker when its consumer has committed what it says: after a crash
the broker sends it again. What can never be handled is kept as a dead letter instead.

The scope has the type `mqtt`, the `topic`, and a `path` for `URLRouter`: `/sensors/kitchen`, of the
topic `site/in/sensors/kitchen`. The event has the type `mqtt.message`, the `payload` (bytes), the
`id` that the publisher gave it (its user property `id`, or empty), and `duplicate`, whether the
broker says that it sends it again. The application may send `mqtt.publish`, with the fields of a
`Publication`.

A publisher that gives a response topic hears there what became of its message: mosquitto writes to
its disk after it has acknowledged, so only this says that a message cannot be lost any more. The
answer follows the acknowledgement, so that no message comes again since its answer fails.
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
MOST_WAITING = 200  # so many messages wait here; only QoS 0 can be more, which no broker holds back
TOPIC_CHARACTERS = 200  # of a response topic: no broker takes one of 200 levels
CORRELATION_BYTES = 1_000

Arrived = MQTTMessage | Exception | None
Reasons = Sequence[ReasonCode]


class MqttServer(InterfaceServer):
    protocol = "mqtt"
    _is_dropping = False

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        arrived: asyncio.Queue[Arrived] = asyncio.Queue()

        def put(each: Arrived) -> None:  # paho has a thread of its own
            loop.call_soon_threadsafe(self._take, arrived, each)

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
                    client.ack(each.mid, each.qos)
                    _answer(client, each, error)
                    if arrived.empty():
                        self._is_dropping = False
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

    def _take(self, arrived: asyncio.Queue[Arrived], each: Arrived) -> None:
        """Put into the queue what came, unless it is one too many and has QoS 0."""
        full = arrived.qsize() >= MOST_WAITING
        if not full or not isinstance(each, MQTTMessage) or each.qos:
            arrived.put_nowait(each)
        elif not self._is_dropping:
            self._is_dropping = True
            logger.warning(
                "%s messages wait, so what comes with QoS 0 is dropped. Let devices use QoS 1.",
                MOST_WAITING,
            )

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
            kept = (message.topic, payload, upstream_id, reason)
            reason = (await in_database(DeadLetter.keep, *kept)).reason
            level, trace = (logging.WARNING, None) if known else (logging.ERROR, error)
            text = "A message on %s is kept as a dead letter: %s"
            logger.log(level, text, message.topic, reason, exc_info=trace)
            return reason if known else "it cannot be handled"
        return None


def _answer(client: Client, message: MQTTMessage, error: str | None) -> None:
    """Tell a publisher that wants to hear it why its message was not taken, or that it was."""
    topic = getattr(message.properties, "ResponseTopic", None)
    said = getattr(message.properties, "CorrelationData", b"")
    if topic is None:
        return
    if not _is_for_answers(topic) or len(said) > CORRELATION_BYTES:
        logger.warning(
            "A message on %s gets no answer. A response topic has 1 to %s visible characters,"
            " no + or #, and begins neither with $ nor with %s/; correlation data has at most"
            " %s bytes.",
            *(message.topic, TOPIC_CHARACTERS, settings.MQTT_PREFIX, CORRELATION_BYTES),
        )
        return
    answer = {"id": said.decode(errors="replace"), "error": error}
    client.publish(topic, msgspec.json.encode(answer), qos=1)


def _is_for_answers(topic: str) -> bool:
    """Whether any broker takes this topic, and no device lets the site say there what it says."""
    return (
        0 < len(topic) <= TOPIC_CHARACTERS
        and topic.isprintable()
        and not {"+", "#"} & set(topic)
        and not topic.startswith(("$", f"{settings.MQTT_PREFIX}/"))
    )
