"""The MQTT bridge of a bake, against a real broker: killed, away, refusing, full of nonsense."""

import json
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from playwright.sync_api import Browser, expect

from tests.conftest import Bake, Manage
from tests.people import Person
from tests.projects import Server, served
from tests.services import Mosquitto, wait_for
from tests.tables import Table, shown_at_the_end

RUNMQTT = "python manage.py runmqtt"
READINGS = (
    "SELECT r.upstream_id FROM mqtt_reading r JOIN mqtt_sensor s ON s.id = r.sensor_id"
    " WHERE s.name = ? ORDER BY r.id"
)
LETTERS = "SELECT topic, length(payload), reason FROM mqtt_deadletter ORDER BY id"
PACE_SECONDS = 0.005

DOORS = """
import msgspec
from channels.consumer import SyncConsumer

from bridges.mqtt.models import report


def note(door, is_open):
    report(door, is_open, "the door's")


"""


@pytest.fixture(scope="module")
def project(bake: Bake) -> Path:
    """A bake with the topic of docs/mqtt.md, whose readings are of the door."""
    project = bake(mqtt="yes")
    page = (project / "docs/mqtt.md").read_text(encoding="utf-8")
    (consumer,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (route,) = re.findall(r"`(path\(.*\))`", page)
    (project / "doors.py").write_text(DOORS + consumer, encoding="utf-8")
    with (project / "config/routing.py").open("a", encoding="utf-8") as routing:
        routing.write(f"\nfrom doors import DoorConsumer\nmqtt_urlpatterns.append({route})\n")
    return project


@pytest.fixture(scope="module")
def table() -> Table:
    columns = ("what happens", "sent", "acknowledged", "lost", "doubled")
    return shown_at_the_end(Table("Readings over MQTT", *columns))


@pytest.fixture
def broker(project: Path) -> Iterator[Mosquitto]:
    with Mosquitto(project) as broker:
        yield broker


class Database:
    """The site's database, read beside it."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.url = f"sqlite:///{file}"

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.file)) as connection:
            return connection.execute(query, values).fetchall()

    def ids(self, sensor: str) -> list[str]:
        return [row[0] for row in self.rows(READINGS, sensor)]


@pytest.fixture
def database(tmp_path: Path, project: Path, manage: Manage) -> Database:
    database = Database(tmp_path / "db.sqlite3")
    manage(project, "migrate", DATABASE_URL=database.url)
    return database


@pytest.fixture
def bridge(python: Path, project: Path, broker: Mosquitto, database: Database) -> Iterator[Server]:
    """The bridge, which is not started."""
    surroundings = served(DATABASE_URL=database.url, MQTT_URL=broker.url)
    server = Server(python, project, surroundings, RUNMQTT)
    yield server
    server.stop()
    assert "Traceback" not in server.log


def test_no_reading_is_lost_or_doubled_while_bridge_and_broker_are_killed(
    broker: Mosquitto, bridge: Server, database: Database, table: Table
) -> None:
    wanted = [f"reading-{number}" for number in range(400)]
    bridge.launch()
    wait_for_log(bridge, "mqtt is connected")
    with device(broker, "kitchen") as client:
        kitchen = Kitchen(client)
        for number, name in enumerate(wanted):
            kitchen.send(name)
            if number % 50 == 0:
                kitchen.send(name)  # twice, as after a lost answer
            match number:
                case 100:
                    wait_for(lambda: bool(kitchen.answered), "the first answers")
                    bridge.kill()
                    bridge.launch()
                case 200:
                    wait_for(lambda: len(kitchen.answered) > 150, "answers after a kill")
                    broker.kill()
                    broker.start()
                case 250:
                    wait_for(lambda: len(kitchen.answered) > 200, "answers after another")
                    bridge.kill()
                case 300:
                    broker.kill()
                    bridge.launch()
                    broker.start()
            time.sleep(PACE_SECONDS)
        wait_for(lambda: kitchen.has_answers_for(wanted), "every answer")
    found = database.ids("kitchen")
    ((rev,),) = database.rows("SELECT last_rev FROM mqtt_sensorboard")
    lost, doubled = len(kitchen.answered - set(found)), rev - 1 - len(set(found))
    counts = (len(wanted), len(kitchen.answered), lost, doubled)
    table.add("kill -9 of bridge, broker, both", *counts)
    assert counts == (400, 400, 0, 0)
    assert sorted(found) == sorted(wanted)
    assert database.rows(LETTERS) == []


def test_a_reading_whose_commit_was_cut_off_comes_again(
    broker: Mosquitto, bridge: Server, database: Database
) -> None:
    bridge.launch()
    wait_for_log(bridge, "mqtt is connected")
    names = [f"reading-{number}" for number in range(40)]  # more than the bridge may have at once
    with closing(sqlite3.connect(database.file, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")  # nobody else commits
        with device(broker) as kitchen:
            topic = "parlour/in/sensors/kitchen"
            sent = [kitchen.publish(topic, reading(name), qos=1) for name in names]
            wait_for(lambda: all(each.is_published() for each in sent), "the broker")
            time.sleep(1)  # by now the bridge is at work at the first
        bridge.kill()
        writer.execute("ROLLBACK")
    assert database.ids("kitchen") == []
    bridge.launch()
    wait_for(lambda: len(database.ids("kitchen")) == len(names), "every reading")
    assert database.ids("kitchen") == names


def test_what_cannot_be_handled_is_kept_and_acknowledged(
    broker: Mosquitto, bridge: Server, database: Database
) -> None:
    bridge.launch()
    wait_for_log(bridge, "mqtt is connected")
    payloads = [b"warm", b"", b"\xff\x00\xfe", b"x" * 1_048_576, b'{"value": "warm"}']
    with device(broker) as kitchen:
        for payload in payloads:
            kitchen.publish("parlour/in/sensors/kitchen", payload, qos=1).wait_for_publish(30)
        kitchen.publish("parlour/in/elsewhere", reading("a"), qos=1).wait_for_publish(30)
        kitchen.publish("parlour/in/doors/front", "true", qos=1).wait_for_publish(30)
        kitchen.publish("parlour/in/sensors/kitchen", reading("good"), qos=1).wait_for_publish(30)
    wait_for(lambda: database.ids("kitchen") == ["good"], "what came after them")
    expected = [
        ("parlour/in/sensors/kitchen", 4, "JSON is malformed: invalid character (byte 0)"),
        ("parlour/in/sensors/kitchen", 0, "Input data was truncated"),
        ("parlour/in/sensors/kitchen", 3, "JSON is malformed: invalid character (byte 0)"),
        ("parlour/in/sensors/kitchen", 1_048_576, "1,048,576 bytes; FRAME_BYTES is 65,536"),
        (
            "parlour/in/sensors/kitchen",
            17,
            "Expected `bool | float`, got `str` - at `$.value`",
        ),
        ("parlour/in/elsewhere", 26, "No route found for path 'elsewhere'."),
    ]
    assert database.rows(LETTERS) == expected
    assert database.ids("front") == ["the door's"]
    bridge.stop()  # acknowledged: the broker has nothing left to send
    bridge.launch()
    wait_for(lambda: bridge.log.count("mqtt is connected") == 2, "the bridge")
    with device(broker) as kitchen:
        kitchen.publish("parlour/in/sensors/kitchen", reading("last"), qos=1)
        wait_for(lambda: database.ids("kitchen") == ["good", "last"], "another reading")
    assert database.rows(LETTERS) == expected
    assert bridge.log.count("is kept as a dead letter") == len(expected)


def test_no_property_of_a_message_keeps_the_bridge_from_what_comes_after_it(
    broker: Mosquitto, bridge: Server, database: Database
) -> None:
    bridge.launch()
    wait_for_log(bridge, "mqtt is connected")
    topics = ["answers/#", "parlour/feeds/sensors/kitchen", "/".join("a" * 250), "$SYS/a"]
    given: list[dict[str, Any]] = [
        *({"ResponseTopic": each, "CorrelationData": b"1"} for each in topics),
        {"ResponseTopic": "answers/kitchen", "CorrelationData": b"\x01" * 65_000},
        {"UserProperty": ("id", "\ufeff"), "ContentType": "\ufeff"},
        {"UserProperty": ("id", "a" * 60_000)},
    ]
    with device(broker, "kitchen") as kitchen:
        for number, each in enumerate(given):
            properties = Properties(PacketTypes.PUBLISH)
            for name, value in each.items():
                setattr(properties, name, value)
            text = reading(f"reading-{number}")
            kitchen.publish("parlour/in/sensors/kitchen", text, 1, properties=properties)
        kitchen.publish("parlour/in/sensors/kitchen", reading("last"), 1).wait_for_publish(30)
        wait_for(lambda: "last" in database.ids("kitchen"), "what came after them")
    assert len(database.ids("kitchen")) == len(given)  # one has an id that is too long
    assert bridge.log.count("gets no answer") == 5
    assert bridge.log.count("mqtt is connected") == 1
    assert "tries again" not in bridge.log


def test_a_device_publishes_and_hears_only_what_is_its_own(broker: Mosquitto) -> None:
    may_write = {
        "parlour/in/sensors/kitchen": True,
        "parlour/in/doors/kitchen/open": True,
        "parlour/in/sensors/lamp": False,
        "parlour/feeds/sensors/kitchen": False,
        "answers/kitchen": False,
        "elsewhere": False,
    }
    may_hear = {
        "parlour/feeds/sensors/lamp": True,
        "answers/kitchen": True,
        "answers/kitchen/1": True,
        "answers/lamp": False,
        "parlour/in/sensors/lamp": False,
        "parlour/in/sensors/kitchen": False,
    }
    wrote: list[bool] = []
    heard: list[str] = []
    for topic in may_write:
        with device(broker, "kitchen") as kitchen:  # mosquitto 2.0.11 ends it after a refusal
            kitchen.on_publish = lambda *given: wrote.append(not given[3].is_failure)
            kitchen.publish(topic, "1", qos=1).wait_for_publish(30)
    with device(broker, "kitchen") as kitchen, device(broker) as site:
        kitchen.on_message = lambda _, data, message: heard.append(message.topic)
        kitchen.subscribe("#", qos=1)
        kitchen.publish("parlour/in/sensors/kitchen", "1", qos=1).wait_for_publish(30)
        for topic in [*may_hear, "answers/kitchen/last"]:
            site.publish(topic, "1", qos=1).wait_for_publish(30)
        wait_for(lambda: "answers/kitchen/last" in heard, "the last message")
    assert wrote == list(may_write.values())
    assert heard[:-1] == [topic for topic, may in may_hear.items() if may]


def test_a_broker_that_is_away_costs_one_line_and_one_that_refuses_another(
    broker: Mosquitto, bridge: Server, database: Database
) -> None:
    broker.kill()
    bridge.launch()
    wait_for_log(bridge, "Connection refused")
    time.sleep(2)  # it has tried again meanwhile
    broker.start()
    wait_for_log(bridge, "mqtt is connected")
    with device(broker) as kitchen:
        kitchen.publish("parlour/in/sensors/kitchen", reading("one"), qos=1)
        wait_for(lambda: database.ids("kitchen") == ["one"], "a reading")
    broker.kill()
    (broker.folder / "passwords").write_text("")
    broker.start()
    wait_for_log(bridge, "tries again: the broker refuses: Not authorized. Correct MQTT_URL")
    assert bridge.log.count("waits, and tries again") == 3
    assert bridge.log.count("mqtt is connected") == 1


def test_a_page_shows_readings_and_its_switch_reaches_the_device(
    broker: Mosquitto,
    project: Path,
    python: Path,
    manage: Manage,
    browser: Browser,
    database: Database,
    redis_url: str,
) -> None:
    surroundings = served(DATABASE_URL=database.url, MQTT_URL=broker.url, REDIS_URL=redis_url)
    manage(project, "collectstatic", "--no-input", **surroundings)
    manage(project, "seed_demo", "--force", **surroundings)
    heard: list[Any] = []
    bridge = Server(python, project, surroundings, RUNMQTT)
    with (
        Server(python, project, surroundings) as server,
        device(broker) as lamp,
        ExitStack() as stack,
    ):
        stack.push(bridge)
        bridge.launch()
        wait_for_log(bridge, "mqtt is connected")
        ada = Person(browser, server, "ada", {})
        ada.page.goto("/sensors/")
        lamp.on_message = lambda _, data, message: heard.append(json.loads(message.payload))
        subscribe(lamp, "parlour/feeds/sensors/lamp")
        lamp.publish("parlour/in/sensors/lamp", '{"value": true}', qos=1)
        lamp.publish("parlour/in/sensors/kitchen", '{"value": 21.5}', qos=1)
        expect(ada.page.get_by_role("switch", name="lamp")).to_be_checked()
        expect(ada.page.get_by_role("listitem")).to_contain_text(["on", "21.5"])

        broker.kill()
        ada.page.get_by_role("switch", name="lamp").uncheck()
        wait_for(  # both processes run tasks
            lambda: "delivered nothing" in server.log + bridge.log, "the outlet's first try"
        )
        broker.start()
        wait_for(lambda: bool(heard) and heard[-1]["wanted"] is False, "the lamp hears of it")
        lamp.publish("parlour/in/sensors/lamp", '{"value": false}', qos=1)
        expect(ada.page.get_by_role("listitem").first).to_contain_text("off")
        ada.context.close()
        assert ada.complaints == []


class Kitchen:
    """A device that sends a reading again until it hears that the site has it."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.answered: set[str] = set()
        client.on_message = self.hear
        subscribe(client, "answers/kitchen")

    def send(self, name: str) -> None:
        properties = Properties(PacketTypes.PUBLISH)
        properties.ResponseTopic = "answers/kitchen"
        properties.CorrelationData = name.encode()
        topic = "parlour/in/sensors/kitchen"
        self.client.publish(topic, reading(name), qos=1, properties=properties)

    def hear(self, client: Client, data: object, message: MQTTMessage) -> None:
        answer = json.loads(message.payload)
        assert answer["error"] is None
        self.answered.add(answer["id"])

    def has_answers_for(self, names: list[str]) -> bool:
        missing = [name for name in names if name not in self.answered]
        for name in missing[:50]:
            self.send(name)
        time.sleep(1 if missing else 0)
        return not missing


def reading(name: str) -> str:
    return json.dumps({"value": 21.5, "id": name})


@contextmanager
def device(broker: Mosquitto, user: str = "site") -> Iterator[Client]:
    """A client that sends again, after a loss, what the broker has not acknowledged."""
    client = Client(CallbackAPIVersion.VERSION2, f"device of {user}", protocol=MQTTv5)
    client.username_pw_set(user, "secret")
    client.reconnect_delay_set(1, 1)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    wait_for(client.is_connected, "the connection of a device")
    try:
        yield client
    finally:
        client.disconnect()
        client.loop_stop()


def subscribe(client: Client, topic: str) -> None:
    """Hear a topic, and again after a loss."""

    def hear(*_: object) -> None:
        client.subscribe(topic, qos=1)

    client.on_connect = hear
    hear()


def wait_for_log(server: Server, text: str) -> None:
    wait_for(lambda: text in server.log, f"{text!r} in the log of {server.command}", server.process)
