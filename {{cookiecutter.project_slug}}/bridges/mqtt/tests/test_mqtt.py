"""The bridge without a broker: what becomes of a message, and what is published."""

import asyncio
import json
from datetime import timedelta
from typing import Any
from unittest.mock import Mock
from uuid import UUID

import pytest
from channels.consumer import AsyncConsumer
from channels.routing import get_default_application
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from accounts.models import User
from bridges.mqtt import admin, broker, consumers
from bridges.mqtt.broker import Publication, check_url
from bridges.mqtt.models import (
    DeadLetter,
    Reading,
    SensorBoard,
    SensorOutlet,
    enqueue_pruning,
    report,
)
from bridges.mqtt.server import Arrived, MqttServer, _answer
from realtime.database import in_database
from realtime.interfaces import Away
from realtime.tasks import run_due
from realtime.tasks.models import TaskRow
from realtime.tasks.worker import tidying
from realtime.testing import connect

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[Publication]:
    """What the broker is given."""
    found: list[Publication] = []
    for module in (broker, admin):
        monkeypatch.setattr(module, "publish", found.extend)
    return found


def message(payload: bytes | str, topic: str = "sensors/kitchen", id: str = "") -> MQTTMessage:
    made = MQTTMessage(topic=f"{settings.MQTT_PREFIX}/in/{topic}".encode())
    made.payload = payload.encode() if isinstance(payload, str) else payload
    if id:
        made.properties = Properties(PacketTypes.PUBLISH)
        made.properties.UserProperty = ("id", id)
    return made


async def handle(*messages: MQTTMessage, application: Any = None) -> list[str | None]:
    server = MqttServer(application or get_default_application())
    return [await server._handle(each) for each in messages]


def readings() -> list[tuple[str, object]]:
    return list(Reading.objects.order_by("pk").values_list("sensor__name", "value"))


async def test_a_reading_with_an_id_counts_once() -> None:
    one = '{"value": 21.5, "id": "a"}'
    assert await handle(message(one), message(one), message('{"value": 4}', id="a")) == [None] * 3
    assert await handle(message(one, topic="sensors/cellar")) == [None]
    assert await in_database(readings) == [("kitchen", 21.5), ("cellar", 21.5)]
    board = await SensorBoard.objects.aget()
    assert board.last_rev == 4  # each sensor is added and then has its value


async def test_a_reading_without_an_id_counts_each_time() -> None:
    await handle(*[message('{"value": false}', topic="sensors/lamp")] * 2)
    assert await in_database(readings) == [("lamp", False)] * 2


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (message("warm"), "JSON is malformed: invalid character (byte 0)"),
        (message(""), "Input data was truncated"),
        (message(b"\xff\x00"), "JSON is malformed: invalid character (byte 0)"),
        (message(b"x" * 65_537), "65,537 bytes; FRAME_BYTES is 65,536"),
        (message("{}"), "Object missing required field `value`"),
        (message('{"value": null}'), "Expected `bool | float`, got `null` - at `$.value`"),
        (message('{"value": 1}', id="a" * 65), "Expected `str` of length <= 64"),
        (message('{"value": 1}', topic="sensors/" + "a" * 51), "Expected `str` of length <= 50"),
        (message("{}", topic="doors/front"), "No route found for path 'doors/front'."),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_cannot_be_handled_becomes_a_dead_letter(
    sent: MQTTMessage, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert await handle(sent) == [reason]
    letter = await DeadLetter.objects.aget()
    assert (letter.topic, bytes(letter.payload), letter.reason) == (
        *(sent.topic, sent.payload, reason),
    )
    (record,) = caplog.records
    assert record.getMessage().endswith(f"is kept as a dead letter: {reason}")
    assert (record.levelname, record.exc_info) == ("WARNING", None)


async def test_an_error_of_a_consumer_is_a_dead_letter_too(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(AsyncConsumer):
        async def mqtt_message(self, event: dict[str, Any]) -> None:
            raise LookupError("no such\x00door")

    assert await handle(message("1"), application=Broken.as_asgi()) == ["it cannot be handled"]
    letter = await DeadLetter.objects.aget()
    assert letter.reason == r"LookupError('no such\x00door')"
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert record.exc_info


@pytest.mark.parametrize(
    "text", ["a\x00b", "a\ud800b", "a" * 70_000], ids=["nul", "surrogate", "long"]
)
async def test_no_text_keeps_a_message_from_being_kept(text: str) -> None:
    class Strict(AsyncConsumer):
        async def mqtt_message(self, event: dict[str, Any]) -> None:
            raise ValueError(text)

    sent_text = text.encode(errors="ignore").decode()  # a broker sends UTF-8
    sent = message("1", topic=sent_text, id=sent_text)
    (reason,) = await handle(sent, application=Strict.as_asgi())
    letter = await DeadLetter.objects.aget()
    kept = sent_text.replace("\x00", "")
    assert (letter.topic, letter.upstream_id) == (f"{settings.MQTT_PREFIX}/in/{kept}", kept)
    assert letter.reason == reason == text.replace("\x00", "").replace("\ud800", "?")[:300]


def asking(topic: str, correlation: bytes = b"1") -> MQTTMessage:
    made = message('{"value": 1}')
    made.properties = Properties(PacketTypes.PUBLISH)
    made.properties.ResponseTopic, made.properties.CorrelationData = topic, correlation
    return made


@pytest.mark.parametrize("topic", ["answers/kitchen", "küche", "a" * 200])
def test_an_answer_goes_to_the_response_topic(topic: str) -> None:
    client = Mock(spec=Client)
    _answer(client, asking(topic), None)
    client.publish.assert_called_once_with(topic, b'{"id":"1","error":null}', qos=1)


@pytest.mark.parametrize(
    ("topic", "correlation"),
    [
        *((each, b"1") for each in ["answers/#", "a/+/b", "", "a\x00b", "a\nb", "a" * 201]),
        *((f"{settings.MQTT_PREFIX}/{each}", b"1") for each in ["feeds/sensors/lamp", "in/x"]),
        ("$CONTROL/dynamic-security/v1", b"1"),
        ("answers/kitchen", b"1" * 1_001),
    ],
)
def test_where_no_answer_can_go_there_is_a_line_instead(
    topic: str, correlation: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    client = Mock(spec=Client)
    _answer(client, asking(topic, correlation), None)
    client.publish.assert_not_called()
    (record,) = caplog.records
    assert "gets no answer. A response topic has 1 to 200 visible" in record.getMessage()


def test_a_text_that_paho_refuses_costs_only_the_properties() -> None:
    heard = []
    client = broker.new_client(manual_ack=True)
    client.on_message = lambda _, data, message: heard.append(message)
    topic, properties = b"site/in/a", b"\x26" + b"\x00\x02id" + b"\x00\x03\xef\xbb\xbf"
    packet = bytes([0, len(topic)]) + topic + b"\x00\x07" + bytes([len(properties)]) + properties
    client._in_packet["command"] = 0x32  # PUBLISH with QoS 1
    client._in_packet["packet"] = bytearray(packet + b"warm")
    client._handle_publish()
    (one,) = heard
    assert (one.topic, one.mid, one.qos, one.payload) == ("site/in/a", 7, 1, b"warm")


async def test_what_has_no_promise_is_dropped_while_too_much_waits(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server, arrived = MqttServer(get_default_application()), asyncio.Queue[Arrived]()
    first, second = message("1"), message("2")
    second.qos = 1
    for each in [first] * 300 + [second] * 50 + [None]:
        server._take(arrived, each)
    assert arrived.qsize() == 251
    (record,) = caplog.records
    assert record.getMessage().startswith("200 messages wait, so what comes with QoS 0 is dropped.")


def test_old_readings_and_dead_letters_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridges.mqtt.models.PRUNED_AT_ONCE", 2)
    for name in "abcd":
        report("kitchen", 1, name)
        DeadLetter.keep("site/in/a", b"", name, "no JSON")
    enqueue_pruning()
    assert not TaskRow.objects.exists()
    old = timezone.now() - timedelta(days=30)
    Reading.objects.exclude(upstream_id="d").update(created_at=old)
    DeadLetter.objects.exclude(upstream_id="d").update(created_at=old)
    tidying.send(None)
    run_due()
    run_due()
    assert list(Reading.objects.values_list("upstream_id", flat=True)) == ["d"]
    assert list(DeadLetter.objects.values_list("upstream_id", flat=True)) == ["d"]


async def test_a_database_that_is_away_is_no_fault_of_the_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away(*_: object) -> None:
        raise OperationalError("away")

    monkeypatch.setattr(consumers, "report", away)
    with pytest.raises(OperationalError):
        await handle(message('{"value": 1}'))
    assert not await DeadLetter.objects.aexists()


async def test_who_is_on_the_page_hears_readings_and_asks_for_others(
    ada: User, published: list[Publication]
) -> None:
    async with connect("/ws/sensors/home/", ada) as page:
        assert (await page.expect("welcome"))["data"]["items"] == []
        await in_database(SensorOutlet.wake)  # as the bridge does at the broker
        await in_database(report, "lamp", True, "a")
        heard = (await page.expect("sensor.updated"))["data"]
        assert (heard["name"], heard["value"], heard["wanted"]) == ("lamp", True, None)
        reply = await page.send("sensor.want", {"seq": heard["seq"], "value": False})
        assert reply["data"]["wanted"] is False
    await in_database(run_due)
    (last,) = published
    assert last.topic == f"{settings.MQTT_PREFIX}/feeds/sensors/lamp"
    assert last.retain
    said = json.loads(last.payload)
    assert (said["name"], said["value"], said["wanted"], said["rev"]) == ("lamp", True, False, 3)
    epoch, _, rev = last.id.rpartition("-")
    assert (UUID(epoch).version, rev) == (4, "3")


def test_what_waited_for_the_broker_is_published_when_it_is_back(
    published: list[Publication], monkeypatch: pytest.MonkeyPatch
) -> None:
    SensorOutlet.wake()

    def away(messages: object) -> None:
        raise Away("the broker refuses")

    monkeypatch.setattr(broker, "publish", away)
    report("lamp", True, "a")
    assert run_due() == 1
    assert run_due() == 0  # it pauses
    monkeypatch.setattr(broker, "publish", published.extend)
    SensorOutlet.wake()
    run_due()
    assert [each.topic for each in published] == [f"{settings.MQTT_PREFIX}/feeds/sensors/lamp"]


def test_the_page_is_for_those_who_are_signed_in(client: Browser, ada: User) -> None:
    assert client.get("/sensors/").status_code == 302
    client.force_login(ada)
    page = client.get("/sensors/").content.decode()
    assert 'data-topic="sensors:home"' in page
    assert f"{settings.MQTT_PREFIX}/in/sensors/kitchen" in page
    assert not SensorBoard.objects.exists()  # a page changes nothing


def test_dead_letters_are_published_again_from_the_admin(
    admin_client: Browser, published: list[Publication], monkeypatch: pytest.MonkeyPatch
) -> None:
    DeadLetter.keep("site/in/a", b"\xff", "id-1", "no JSON")
    letter = DeadLetter.objects.get()
    page = reverse("admin:mqtt_deadletter_changelist")
    assert "no JSON" in admin_client.get(page).content.decode()
    change = reverse("admin:mqtt_deadletter_change", args=[letter.pk])
    assert "b&#x27;\\xff&#x27;" in admin_client.get(change).content.decode()
    retry = {"action": "retry", "_selected_action": [letter.pk]}

    def away(messages: object) -> None:
        raise ConnectionRefusedError("Connection refused")

    with monkeypatch.context() as patch:
        patch.setattr(admin, "publish", away)
        said = admin_client.post(page, retry, follow=True).content.decode()
    assert "Nothing was dropped: Connection refused" in said
    assert DeadLetter.objects.exists()
    admin_client.post(page, retry)
    assert published == [Publication("site/in/a", b"\xff", "id-1")]
    assert not DeadLetter.objects.exists()


def test_the_bridge_says_that_it_needs_an_address() -> None:
    with pytest.raises(CommandError, match="MQTT_URL is not set: write the broker's address"):
        call_command("runmqtt")


@pytest.mark.parametrize(
    "url", ["mqtt://host", "mqtts://me:pass%23word@host:8884", "mqtt://[::1]:1883/"]
)
def test_the_address_of_a_broker(url: str) -> None:
    assert check_url(url) == url


@pytest.mark.parametrize(
    "url", ["host", "http://host", "mqtt://", "mqtt://a:p#b@host", "mqtt://host:port", "mqtt://h/x"]
)
def test_an_address_of_no_broker(url: str) -> None:
    with pytest.raises(ValueError, match="is not the address of an MQTT broker: write one"):
        check_url(url)
