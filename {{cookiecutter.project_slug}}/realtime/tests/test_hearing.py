"""What the engine does after a gap and at each check, whatever fails meanwhile."""

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence

import pytest
from django.db import OperationalError

from accounts.models import User
from realtime import topics
from realtime.consumers import Consumer
from realtime.delivery import engine as engine_module
from realtime.delivery.connection import Connection
from realtime.delivery.engine import Routine, this_engine
from realtime.delivery.publishing import dismiss
from realtime.protocol import CloseCode
from realtime.sessions import signed_out
from realtime.tests.echo import EchoConsumer, connect_echo
from realtime.tests.wires import until
from realtime.topics import Pair, Topic

pytestmark = pytest.mark.django_db(transaction=True)


class EchoTopic(Topic):
    """Who may hear is what a test says."""

    prefix = "echo"
    closed: set[str] = set()
    error: Exception | None = None

    def hearers(self, pairs: Collection[Pair]) -> set[Pair]:
        if self.error:
            raise self.error
        return {(key, user_id) for key, user_id in pairs if key not in self.closed}

    def find(self, keys: Collection[str]) -> Collection[str]:
        return set(keys) - {"gone"}

    def latest_revisions(self, keys: Collection[str]) -> Mapping[str, int]:
        if self.error:
            raise self.error
        return dict.fromkeys(keys, 7)


@pytest.fixture
def echo() -> Iterator[EchoTopic]:
    topic = EchoTopic()
    topic.closed = set()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(topics, "_topics", {**topics._topics, "echo": topic})
        yield topic


async def test_topics_that_do_not_say_who_may_hear_are_left_alone(ada: User) -> None:
    async with connect_echo("/ws/echo/a/", ada) as client:
        await client.expect("welcome")
        await this_engine().check()
        assert (await client.send("say", {"text": "a"}))["type"] == "ok"


async def test_whoever_may_not_hear_a_topic_is_put_out_of_it_alone(
    ada: User, echo: EchoTopic
) -> None:
    async with connect_echo("/ws/", ada) as client:
        for topic in ("echo:a", "echo:b", "echo:gone"):
            await client.send("join", {}, topic)
        echo.closed = {"a", "gone"}
        await this_engine().check()
        left = [await client.expect("left") for _ in range(2)]
        codes = {frame["topic"]: frame["data"]["code"] for frame in left}
        assert codes == {"echo:a": 4403, "echo:gone": 4404}
        assert (await client.send("say", {"text": "a"}, "echo:b"))["type"] == "ok"


async def test_a_kind_of_topic_that_fails_holds_up_nothing_else(
    ada: User, echo: EchoTopic, caplog: pytest.LogCaptureFixture
) -> None:
    echo.error = RuntimeError("a bug")
    healed = []

    async def heal(consumers: Sequence[Consumer]) -> None:
        healed.append(len(consumers))
        raise RuntimeError("another bug")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EchoConsumer, "heal", heal)
        async with connect_echo("/ws/echo/a/", ada) as client:
            await client.expect("welcome")
            await this_engine().check()
            await this_engine().beat()
    assert healed == [1]
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == [
        "Who may hear echo:... could not be read",
        "EchoConsumer could not heal",
        "The latest revisions of echo:... could not be read",
    ]


async def test_while_the_database_is_away_nobody_is_put_out_and_it_is_tried_again(
    ada: User, echo: EchoTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "TICK_SECONDS", 0.01)
    echo.error = OperationalError("away")
    async with connect_echo("/ws/echo/a/", ada) as client:
        await client.expect("welcome")
        this_engine().hub._on_gap()
        await asyncio.sleep(0.05)
        assert (await client.send("say", {"text": "a"}))["type"] == "ok"
        echo.closed, echo.error = {"a"}, None
        assert await client.closed() == 4403


async def test_a_gap_during_a_check_is_followed_by_another_check() -> None:
    checks: list[str] = []

    async def work() -> None:
        checks.append("check")
        if len(checks) == 1:
            routine.due_at = 0.0

    routine = Routine(work)
    for _ in range(3):
        await routine.do_if_due(60)
    assert checks == ["check", "check"]


async def test_many_who_sign_out_are_looked_up_in_one_query(
    ada: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up: list[set[int]] = []

    def counted(suspects: Sequence[Connection]) -> Sequence[Connection]:
        looked_up.append({each.user_id for each in suspects})
        return signed_out(suspects)

    monkeypatch.setattr(engine_module, "signed_out", counted)
    async with connect_echo("/ws/", ada), connect_echo("/ws/", bob):
        engine = this_engine()
        await until(lambda: len(engine.connections) == 2)
        for user in (ada, bob):
            engine._suspect(user.pk)
        await until(lambda: looked_up)
    assert looked_up == [{ada.pk, bob.pk}]


async def test_a_consumer_that_fails_to_be_dismissed_hears_no_more(
    ada: User, bob: User, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(consumer: EchoConsumer, group: str, code: CloseCode, reason: str) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(EchoConsumer, "dismiss", fail)
    async with connect_echo("/ws/", ada) as client:
        for topic in ("echo:a", "echo:b"):
            await client.send("join", {}, topic)
        hub = this_engine().hub
        dismiss("echo:a", ada.pk, CloseCode.FORBIDDEN, "Removed.")
        await until(lambda: not hub.subscribers("echo:a"))
        assert (await client.send("say", {"text": "a"}, "echo:b"))["type"] == "ok"
        assert hub._failures == 0
