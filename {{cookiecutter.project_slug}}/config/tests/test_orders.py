"""The project's own sockets, in any order of frames, faults and ends, leave nothing behind."""

import asyncio

import pytest
from channels.routing import get_default_application
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import Settings

from accounts.models import User
from chat import actions
from presence.running import running_attendance
from realtime.delivery.engine import stop_engine
from realtime.testing import session_key_of
from realtime.tests.orders import ENDS, Faults, Step, Story, nothing_is_left, steps_of

pytestmark = pytest.mark.django_db(transaction=True)

TOPICS = [
    "nowhere",
    "chat:general",
    "chat",
    "notifications",
    "presence",
]
PATHS = ["/ws/", *(f"/ws/{topic.replace(':', '/')}/" for topic in TOPICS[1:])]
DATA: dict[str, dict[str, object]] = {
    "message.send": {"client_id": "a", "body": "Hello"},
    "history": {"limit": 10},
    "state": {"state": "away"},
    "list": {"limit": 10},
}
KINDS = ("join", "join", "leave", "message.send", "history", "typing", "state", "rooms", "list")

steps = steps_of(KINDS, TOPICS)


def test_no_order_leaves_a_task_a_visit_or_a_subscription_behind(
    ada: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REALTIME = {"DRAIN_SECONDS": 0}
    actions.create_room(ada, name="General")
    application = get_default_application()
    story = Story(Faults(monkeypatch), application, ada.pk, session_key_of(ada), DATA)

    with nothing_is_left(), asyncio.Runner() as runner:

        @hypothesis_settings(max_examples=60, deadline=None)
        @given(path=st.sampled_from(PATHS), steps=steps, end=st.sampled_from(ENDS))
        def check(path: str, steps: list[Step], end: str) -> None:
            runner.run(story.live(path, steps, end, []))
            attendance = running_attendance()
            assert attendance is None or attendance.visits == {}

        check()
        runner.run(stop_engine())
