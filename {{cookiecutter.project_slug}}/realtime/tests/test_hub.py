"""The hub, over a layer that can fail."""

import asyncio
import string
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence

import pytest
from channels.exceptions import MessageTooLarge

from realtime.asgi import Message
from realtime.delivery import hub as hub_module
from realtime.delivery.hub import Hub, first_packs
from realtime.delivery.socket import Socket
from realtime.protocol import CloseCode
from realtime.tests.wires import Wire, until

ALLOWED = set(string.ascii_letters + string.digits + "-_.")  # in the name of a layer's group


class Layer:
    """A channel layer in memory that fails while it is `down`, and can lose or delay its groups."""

    def __init__(self) -> None:
        self.down = False
        self.most_characters = 1_000_000_000
        self.late: float | None = None  # how many seconds after `group_add` a group is joined
        self.queues: dict[str, asyncio.Queue[Message]] = {}
        self.groups: dict[str, set[str]] = defaultdict(set)
        self.believed: set[str] = set()  # the groups that it is not in, and adds no more
        self.calls: list[tuple[str, str]] = []
        self.sent: list[str] = []

    def check(self) -> None:
        if self.down:
            raise ConnectionError("the layer is down")

    async def new_channel(self) -> str:
        self.check()
        name = f"channel{len(self.queues)}"
        self.queues[name] = asyncio.Queue()
        return name

    async def receive(self, channel: str) -> Message:
        return await self.queues[channel].get()

    async def group_add(self, group: str, channel: str) -> None:
        self.check()
        self.calls.append(("add", group))
        if group in self.believed:
            return
        if self.late is None:
            self.groups[group].add(channel)
        else:
            asyncio.get_running_loop().call_later(self.late, self.groups[group].add, channel)

    async def group_discard(self, group: str, channel: str) -> None:
        self.check()
        self.calls.append(("discard", group))
        self.groups[group].discard(channel)
        self.believed.discard(group)

    async def group_send(self, group: str, message: Message) -> None:
        self.check()
        if len(str(message)) > self.most_characters:
            raise MessageTooLarge
        self.sent.append(group)
        for channel in self.groups[group]:
            self.queues[channel].put_nowait(message)


class Listener:
    """A subscriber that keeps what it hears."""

    user_id = 1
    has_joined = True

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.socket = Socket(self._send)

    def dismiss(self, group: str, code: CloseCode, reason: str) -> None: ...

    @classmethod
    async def heal(cls, subscribers: Sequence["Listener"]) -> None: ...

    async def _send(self, message: Message) -> None:
        self.heard.append(message["text"])


class Started:
    def __init__(self, hub: Hub, layer: Layer, gaps: list[bool]) -> None:
        self.hub, self.layer, self.gaps = hub, layer, gaps

    def send(self, group: str, text: str) -> None:
        event = {"type": "realtime.event", "group": group, "text": text, "at": 0.0}
        self.hub.send(group, event)


@pytest.fixture
async def started(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Started]:
    layer = Layer()
    gaps: list[bool] = []

    def on_gap() -> None:
        gaps.append(True)

    def on_control(message: Message) -> None: ...

    monkeypatch.setattr(hub_module, "get_channel_layer", lambda: layer)
    monkeypatch.setattr(hub_module, "PROBE_SECONDS", 0.02)
    monkeypatch.setattr(hub_module, "LAYER_SECONDS", 0.1)
    monkeypatch.setattr(hub_module, "RETRY_SECONDS", 0.1)
    hub = Hub(on_gap, on_control)
    hub.start()
    yield Started(hub, layer, gaps)
    await hub.stop()


async def test_the_layer_hears_of_the_first_and_the_last_socket_only(started: Started) -> None:
    one, two = Listener(), Listener()
    await started.hub.subscribe(["chat:a"], one)
    await started.hub.subscribe(["chat:a"], two)
    started.hub.unsubscribe("chat:a", one)
    started.hub.unsubscribe("chat:a", two)
    await until(lambda: ("discard", "realtime.on.chat.a") in started.layer.calls)
    assert [call for call in started.layer.calls if call[1] == "realtime.on.chat.a"] == [
        ("add", "realtime.on.chat.a"),
        ("discard", "realtime.on.chat.a"),
    ]


async def test_a_socket_shared_by_two_subscribers_hears_each_event_once(started: Started) -> None:
    one, two = Listener(), Listener()
    two.socket = one.socket
    await started.hub.subscribe(["chat:a"], one)
    await started.hub.subscribe(["chat:a"], two)
    started.send("chat:a", "1")
    await until(lambda: one.heard)
    started.hub.unsubscribe("chat:a", one)
    started.send("chat:a", "2")
    await until(lambda: len(one.heard) > 1)
    assert one.heard == ["1", "2"]


async def test_events_of_many_groups_in_one_turn_are_written_twice(started: Started) -> None:
    listener, wire = Listener(), Wire()
    listener.socket = Socket(listener._send, wire)
    await started.hub.subscribe(["chat:a", "chat:b", "chat:c"], listener)
    for name in "abc":
        started.hub.deliver(f"chat:{name}", name)
    await until(lambda: not listener.socket.waiting_bytes)
    assert wire.written == [b"\x81\x01a", b"\x81\x01b\x81\x01c"]


async def test_what_is_held_comes_on_release_in_order(started: Started) -> None:
    listener = Listener()
    await started.hub.subscribe(["chat:a"], listener, hold=True)
    await started.hub.subscribe(["chat:b"], listener)
    started.send("chat:a", "1")
    started.send("chat:b", "2")
    await until(lambda: listener.heard == ["2"])
    started.hub.release("chat:a", listener)
    started.send("chat:a", "3")
    await until(lambda: listener.heard == ["2", "1", "3"])


async def test_what_two_hold_for_a_socket_comes_when_both_have_released(started: Started) -> None:
    one, two = Listener(), Listener()
    two.socket = one.socket
    for holder in (one, two):
        await started.hub.subscribe(["chat:a"], holder, hold=True)
    started.hub.deliver("chat:a", "1")
    started.hub.release("chat:a", one)
    started.hub.deliver("chat:b", "elsewhere")
    assert one.heard == []
    started.hub.release("chat:a", two)
    await until(lambda: one.heard == ["1"])


async def test_a_holder_that_leaves_takes_nothing_from_others_of_its_socket(
    started: Started,
) -> None:
    one, two = Listener(), Listener()
    two.socket = one.socket
    await started.hub.subscribe(["chat:a"], one)
    await started.hub.subscribe(["chat:a"], two, hold=True)
    started.hub.deliver("chat:a", "1")
    started.hub.unsubscribe("chat:a", two)
    await until(lambda: one.heard == ["1"])


async def test_whoever_leaves_before_the_welcome_hears_nothing_of_what_was_held(
    started: Started,
) -> None:
    one, two = Listener(), Listener()
    for each in (one, two):
        await started.hub.subscribe(["chat:a"], each, hold=True)
    started.hub.deliver("chat:a", "1")
    started.hub.unsubscribe("chat:a", one)
    started.hub.release("chat:a", two)
    await until(lambda: two.heard == ["1"])
    assert one.heard == []


async def test_the_name_of_a_group_is_shared_as_long_as_it_has_a_subscriber(
    started: Started,
) -> None:
    one, two = Listener(), Listener()
    first, second = ("".join(["chat:", "a"]) for _ in range(2))
    await started.hub.subscribe([first], one)
    await started.hub.subscribe([second], two)
    started.hub.unsubscribe("chat:a", one)
    assert started.hub.shared_name(second) is first
    started.hub.unsubscribe("chat:a", two)
    assert started.hub.shared_name(second) is second


async def test_events_that_wait_for_the_layer_travel_together_in_order(started: Started) -> None:
    listener = Listener()
    await started.hub.subscribe(["chat:a"], listener)
    started.layer.sent.clear()
    for number in range(250):
        started.send("chat:a", str(number))
        started.send("chat:b", "elsewhere")
    await until(lambda: len(listener.heard) == 250)
    assert listener.heard == [str(number) for number in range(250)]
    assert started.layer.sent.count("realtime.on.chat.a") == 3


async def test_many_groups_are_sent_to_at_once_in_order(
    started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    async def send_all(messages: dict[str, Message]) -> None:
        calls.append(len(messages))
        for group, message in messages.items():
            await started.layer.group_send(group, message)

    listeners = {f"chat:{number}": Listener() for number in range(150)}
    await asyncio.gather(*(started.hub.subscribe([name], each) for name, each in listeners.items()))
    monkeypatch.setattr(started.layer, "group_send_all", send_all, raising=False)
    for text in ("1", "2"):
        for group in listeners:
            started.send(group, text)
    await until(lambda: all(each.heard == ["1", "2"] for each in listeners.values()))
    assert calls[:2] == [100, 50]


def test_what_many_groups_have_waiting_is_no_larger_than_layers_carry() -> None:
    large = {name: [{"text": name * 150_000}] for name in "abc"}
    assert list(first_packs(large, 100)) == ["a"]
    small = {name: [{"text": name}] for name in "abc"}
    assert list(first_packs(small, 2)) == ["a", "b"]


async def test_a_failure_between_many_groups_loses_and_doubles_nothing(
    started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails = [True]

    async def send_all(messages: dict[str, Message]) -> None:
        for group, message in list(messages.items()):
            if group.endswith("b") and fails and fails.pop():
                raise ConnectionError("between two groups")
            await started.layer.group_send(group, message)
            del messages[group]

    one, two = Listener(), Listener()
    await started.hub.subscribe(["chat:a"], one)
    await started.hub.subscribe(["chat:b"], two)
    monkeypatch.setattr(started.layer, "group_send_all", send_all, raising=False)
    started.send("chat:a", "1")
    started.send("chat:b", "2")
    await until(lambda: two.heard == ["2"])
    assert fails == []
    assert one.heard == ["1"]


async def test_after_a_failure_it_subscribes_anew_and_tells_of_the_gap(started: Started) -> None:
    listener = Listener()
    await started.hub.subscribe(["chat:a"], listener)
    started.layer.down = True
    started.layer.groups.clear()
    started.send("chat:a", "sent while the layer is down")
    await asyncio.sleep(0.15)
    assert started.gaps == []
    started.layer.down = False
    await until(lambda: started.gaps)
    started.send("chat:a", "sent after")
    await until(lambda: "sent after" in listener.heard)


async def test_it_stops_while_it_leaves_a_layer_that_has_failed(
    started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    receives, leaves, may_leave = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def receive(channel: str) -> None:
        receives.set()
        try:
            await asyncio.Event().wait()
        finally:
            leaves.set()
            await may_leave.wait()

    await started.hub.answering.wait()
    monkeypatch.setattr(started.layer, "receive", receive)
    started.layer.down = True
    await until(lambda: not started.hub.answering.is_set())
    started.layer.down = False
    await receives.wait()
    started.layer.down = True
    await leaves.wait()
    stopping = asyncio.create_task(started.hub.stop())
    await asyncio.sleep(0)
    may_leave.set()
    assert (await asyncio.wait([stopping], timeout=5))[0]


async def test_a_layer_that_lost_its_groups_is_noticed(started: Started) -> None:
    listener = Listener()
    await started.hub.subscribe(["chat:a"], listener)
    started.layer.groups.clear()
    await until(lambda: started.gaps)
    started.send("chat:a", "1")
    await until(lambda: listener.heard == ["1"])


async def test_groups_that_the_layer_wrongly_takes_for_joined_are_joined_again(
    started: Started,
) -> None:
    """As channels_redis does where Redis refused to subscribe to its channels."""
    listener = Listener()
    await started.hub.subscribe(["chat:a"], listener)
    await started.hub.answering.wait()
    started.layer.believed = set(started.layer.groups)
    started.layer.groups.clear()
    await until(lambda: started.gaps)
    started.send("chat:a", "one")
    await until(lambda: listener.heard == ["one"])


async def test_groups_that_the_layer_joins_as_one_are_confirmed_by_one_call(
    started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def add_all(groups: Sequence[str], channel: str) -> list[set[str]]:
        for group in groups:
            await started.layer.group_add(group, channel)
        return [set(groups)]

    await started.hub.answering.wait()
    monkeypatch.setattr(started.layer, "group_add_all", add_all, raising=False)
    listeners = {f"chat:{number}": Listener() for number in range(3)}
    await asyncio.gather(*(started.hub.subscribe([name], each) for name, each in listeners.items()))
    assert len([group for group in started.layer.sent if ".chat." in group]) == 1
    for group in listeners:
        started.send(group, "1")
    await until(lambda: all(listener.heard == ["1"] for listener in listeners.values()))


async def test_joining_goes_on_while_the_layer_is_down(
    started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "SUBSCRIBE_SECONDS", 0.05)
    started.layer.down = True
    listener = Listener()
    await started.hub.subscribe(["chat:a"], listener)
    started.layer.down = False
    await until(lambda: started.gaps)
    started.send("chat:a", "1")
    await until(lambda: listener.heard == ["1"])


async def test_a_layer_that_answers_is_known_to_at_once(
    started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "PROBE_SECONDS", 60)
    hub = Hub(lambda: None, lambda _: None)
    hub.start()
    async with asyncio.timeout(20):
        await hub.answering.wait()
    await hub.stop()


@pytest.mark.parametrize("times", [1, 2])
async def test_whoever_has_subscribed_hears_what_is_sent_next(started: Started, times: int) -> None:
    started.layer.late = 0.03
    for _ in range(times):
        listener = Listener()
        await started.hub.subscribe(["chat:a"], listener)
        started.send("chat:a", "1")
        await until(lambda: listener.heard == ["1"])  # noqa: B023
        started.hub.unsubscribe("chat:a", listener)


async def test_groups_whose_names_a_layer_would_confuse_are_kept_apart(started: Started) -> None:
    names = ["chat:a:b", "chat:a.b", "chat.a.b", "chat:ä b", "chat:a/b", ":chat:a", "chat:"]
    listeners = {name: Listener() for name in names}
    for name, listener in listeners.items():
        await started.hub.subscribe([name], listener)
    plain = {group for _, group in started.layer.calls if "chat" in group}
    assert plain == {"realtime.on.chat.a.b"}  # NATS takes no name with an empty part
    for name in names:
        started.send(name, name)
    await until(lambda: all(listener.heard for listener in listeners.values()))
    assert {name: listener.heard for name, listener in listeners.items()} == {
        name: [name] for name in names
    }
    started.hub.unsubscribe("chat:a.b", listeners["chat:a.b"])
    started.send("chat:a:b", "again")
    await until(lambda: "again" in listeners["chat:a:b"].heard)
    assert all(set(group) <= ALLOWED for group in started.layer.groups)


async def test_a_message_is_no_larger_than_layers_carry(started: Started) -> None:
    listener = Listener()
    await started.hub.subscribe(["chat:a"], listener)
    started.layer.most_characters = 250_000
    for text in ("a" * 150_000, "b" * 150_000, "c" * 300_000, "d"):
        started.send("chat:a", text)
    await until(lambda: "d" in listener.heard)
    assert [text[0] for text in listener.heard] == ["a", "b", "d"]  # one is beyond all bounds
    assert started.gaps == []


async def test_a_message_that_cannot_be_read_is_no_failure_of_the_layer(started: Started) -> None:
    listener = Listener()
    await started.hub.subscribe(["chat:a"], listener)
    for message in ({"type": "realtime.event"}, {"type": "realtime.pack", "messages": [{}]}):
        await started.layer.group_send("realtime.on.chat.a", message)
    started.send("chat:a", "1")
    await until(lambda: listener.heard == ["1"])
    assert started.gaps == []


async def test_what_was_read_is_kept_until_something_is_heard(started: Started) -> None:
    listener = Listener()
    await started.hub.subscribe(["chat:a"], listener)
    before = started.hub.kept("chat:a")
    before["members"] = ["ada"]
    assert started.hub.kept("chat:a") == {"members": ["ada"]}
    started.send("chat:a", "bob has come")
    await until(lambda: listener.heard)
    before["people"] = "by one who has read for long"
    assert started.hub.kept("chat:a") == {}


async def test_nothing_is_kept_while_the_layer_may_lose_events(started: Started) -> None:
    await started.hub.subscribe(["chat:a"], Listener())
    started.hub.kept("chat:a")["members"] = ["ada"]
    started.layer.down = True
    await until(lambda: not started.hub.kept("chat:a"))
    started.hub.kept("chat:a")["members"] = ["new"]
    assert started.hub.kept("chat:a") == {}
    started.layer.down = False
    await until(lambda: started.gaps)
    assert started.hub.kept("chat:a") == {}
