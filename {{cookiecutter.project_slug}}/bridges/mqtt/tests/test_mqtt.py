"""The bridge without a broker: what becomes of a message, and what is published."""

import json
from typing import Any
from uuid import UUID

import pytest
from channels.consumer import AsyncConsumer
from channels.routing import get_default_application
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.test import Client as Browser
from django.urls import reverse
from paho.mqtt.client import MQTTMessage
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from accounts.models import User
from bridges.mqtt import admin, broker, consumers
from bridges.mqtt.broker import Publication, check_url
from bridges.mqtt.models import DeadLetter, Reading, SensorBoard, SensorOutlet, report
from bridges.mqtt.server import MqttServer
from realtime.database import in_database
from realtime.interfaces import Away
from realtime.tasks import run_due
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
