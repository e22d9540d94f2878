"""Connections to the broker at MQTT_URL: what the bridge and the outlets share."""

from collections.abc import Iterable
from threading import Event
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from django.conf import settings
from paho.mqtt.client import Client, MQTTMessageInfo, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.exception import MQTTException
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties, VariableByteIntegers
from paho.mqtt.reasoncodes import ReasonCode

from realtime.interfaces import Away

PORTS = {"mqtt": 1883, "mqtts": 8883}
KEEPALIVE_SECONDS = 20
SESSION_SECONDS = 7 * 86_400  # for so long the broker keeps what comes while the bridge is away
UNACKNOWLEDGED = 20  # so many messages wait here for their commit, the others at the broker
ANSWER_SECONDS = 10.0


def check_url(url: str) -> str:
    """Return `url`.

    Raises:
        ValueError: it is not the address of a broker.
    """
    try:
        parts = urlsplit(url)
        good = parts.scheme in PORTS and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(
            "is not the address of an MQTT broker: write one such as "
            "mqtt://user:password@host:1883, or mqtts://; with %23 for # in a password."
        )
    return url


class _Client(Client):
    """Takes a message whose properties paho cannot read as one that has none.

    paho refuses U+FEFF, which brokers let pass: the connection ends, and the message comes again.
    """

    def _handle_publish(self) -> MQTTErrorCode:
        try:
            return super()._handle_publish()
        except (MQTTException, ValueError):
            packet = bytes(self._in_packet["packet"])
            has_id = self._in_packet["command"] & 0b0110  # its QoS
            start = 2 + int.from_bytes(packet[:2]) + (2 if has_id else 0)
            length, size = VariableByteIntegers.decode(packet[start:])
            without = packet[:start] + b"\x00" + packet[start + size + length :]
            self._in_packet["packet"] = bytearray(without)
            return super()._handle_publish()


def new_client(client_id: str = "", *, manual_ack: bool = False) -> Client:
    """A client that is not connected yet, with the credentials of MQTT_URL."""
    client = _Client(
        CallbackAPIVersion.VERSION2,
        client_id,
        protocol=MQTTv5,
        reconnect_on_failure=False,
        manual_ack=manual_ack,
    )
    url = urlsplit(settings.MQTT_URL)
    if url.username:
        client.username_pw_set(unquote(url.username), unquote(url.password or ""))
    if url.scheme == "mqtts":
        client.tls_set()
    return client


def connect(client: Client, *, lasting: bool = False) -> None:
    """Open the connection; `on_connect` hears what the broker says to it.

    Args:
        lasting: whether the broker keeps the session, and what comes meanwhile, for the next time.

    Raises:
        OSError: nobody is there.
    """
    url = urlsplit(settings.MQTT_URL)
    properties = Properties(PacketTypes.CONNECT)
    if lasting:
        properties.SessionExpiryInterval = SESSION_SECONDS
        properties.ReceiveMaximum = UNACKNOWLEDGED
    client.connect(
        url.hostname or "",
        url.port or PORTS[url.scheme],
        KEEPALIVE_SECONDS,
        clean_start=not lasting,
        properties=properties,
    )


def refusal(reason: ReasonCode) -> Away:
    """What is said of a broker that is there, and lets nobody in."""
    return Away(f"the broker refuses: {reason}. Correct MQTT_URL, or what the broker permits.")


class Publication(NamedTuple):
    """A message to publish."""

    topic: str
    payload: bytes
    id: str = ""
    """By which a retry can be recognised: its user property `id`."""
    retain: bool = False
    """Whether the broker keeps it for those who subscribe later."""


def publish(messages: Iterable[Publication]) -> None:
    """Publish with QoS 1, in order; returns when the broker has acknowledged everything.

    Raises:
        OSError, Away: it is not there, or does not take them. Some may be there nevertheless.
    """
    client, answered, refused = new_client(), Event(), list[ReasonCode]()

    def check(client: Client, data: object, what: object, reason: ReasonCode, more: object) -> None:
        if reason.is_failure:
            refused.append(reason)
        answered.set()

    client.on_connect = client.on_publish = check
    connect(client)
    client.loop_start()
    try:
        if not answered.wait(ANSWER_SECONDS):
            raise Away(f"the broker does not answer in {ANSWER_SECONDS:.0f} seconds.")
        sent = [] if refused else [_send(client, each) for each in messages]
        for each in sent:
            each.wait_for_publish(ANSWER_SECONDS)
            if not each.is_published():
                raise Away(f"the broker acknowledges nothing in {ANSWER_SECONDS:.0f} seconds.")
        if refused:
            raise refusal(refused[0])
    except (RuntimeError, ValueError) as error:  # paho's, where the connection ends meanwhile
        raise Away(f"the broker went away: {error}") from error
    finally:
        client.disconnect()
        client.loop_stop()


def _send(client: Client, message: Publication) -> MQTTMessageInfo:
    properties = Properties(PacketTypes.PUBLISH)
    if message.id:
        properties.UserProperty = ("id", message.id)
    return client.publish(message.topic, message.payload, 1, message.retain, properties)
