"""What goes to the address of a webhook."""

import base64
import hashlib
import hmac
import json
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from bots.models import Webhook, signature
from chat import actions
from chat.models import Room
from chat.tests.conftest import Say
from realtime.models import TaskRow
from realtime.tasks import run_due
from realtime.tests.receiver import Receiver
from realtime.tests.test_tasks import make_due

pytestmark = pytest.mark.django_db


def types(receiver: Receiver) -> list[tuple[str, int]]:
    bodies = [json.loads(body) for _, _, body in receiver.taken]
    return [(each["type"], each["data"]["message"]["seq"]) for each in bodies]


def test_each_change_of_a_message_is_posted_and_signed(
    webhook: Webhook, receiver: Receiver, room: Room, bob: User, say: Say
) -> None:
    say(room, bob, "Hello")
    run_due()

    ((path, headers, body),) = receiver.taken
    event = json.loads(body)
    assert path == "/in"
    assert event["type"] == "message.created"
    assert event["data"]["room"]["slug"] == "general"
    assert event["data"]["message"]["body"] == "Hello"
    assert event["data"]["message"]["author"]["username"] == "bob"
    assert headers["webhook-id"] == f"msg_{webhook.pk}_1"
    assert abs(int(headers["webhook-timestamp"]) - timezone.now().timestamp()) < 30
    key = base64.b64decode(webhook.signing_secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    mac = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{mac}"


def test_the_signature_is_that_of_the_standard() -> None:
    # The example of https://github.com/standard-webhooks/standard-webhooks
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    found = signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_edits_and_deletions_are_posted_too(
    webhook: Webhook, receiver: Receiver, room: Room, bob: User, say: Say
) -> None:
    seq = say(room, bob, "Hello").seq
    run_due()
    actions.edit_message(room, bob, seq=seq, body="Hello!")
    run_due()
    actions.delete_message(room, bob, seq=seq)
    run_due()

    assert types(receiver) == [
        ("message.created", 1),
        ("message.updated", 1),
        ("message.deleted", 1),
    ]


def test_what_the_bot_says_itself_and_what_was_said_before_is_not_posted(
    receiver: Receiver, webhook: Webhook, room: Room, bob: User, say: Say
) -> None:
    say(room, webhook.bot, "I deployed")
    say(room, bob, "Thank you")
    run_due()

    assert types(receiver) == [("message.created", 2)]


def test_a_message_that_grows_is_posted_when_it_is_finished(
    webhook: Webhook, receiver: Receiver, room: Room, bob: User, say: Say
) -> None:
    say(room, bob, "Hello")
    bot = User.objects.create(username="helper", is_bot=True)
    actions.add_bot(room, None, bot)
    message, _ = actions.begin_message(room, bot, client_id="a", reply_to=1)
    run_due()
    assert types(receiver) == [("message.created", 1)]

    actions.grow_message(message, "All of it")
    actions.finish_message(message)
    run_due()

    assert types(receiver) == [("message.created", 1), ("message.updated", 2)]
    assert json.loads(receiver.taken[1][2])["data"]["message"]["body"] == "All of it"


@pytest.mark.parametrize(
    ("status", "headers", "pause"),
    [
        (500, {}, 30),
        (404, {}, 30),
        (302, {"Location": "/elsewhere"}, 30),
        (429, {"Retry-After": "240"}, 240),
        (503, {"Retry-After": "999999"}, 3600),
    ],
)
def test_what_is_refused_is_posted_again(
    webhook: Webhook,
    receiver: Receiver,
    room: Room,
    bob: User,
    say: Say,
    status: int,
    headers: dict[str, str],
    pause: int,
) -> None:
    receiver.statuses, receiver.headers = [status], headers
    say(room, bob, "Hello")
    say(room, bob, "Are you there?")
    run_due()
    due_at = TaskRow.objects.get(status="READY").due_at
    assert round((due_at - timezone.now()).total_seconds()) == pause
    webhook.refresh_from_db()
    assert webhook.error == f"Its address answered {status}."

    make_due()
    run_due()

    assert types(receiver) == [
        ("message.created", 1),
        ("message.created", 1),
        ("message.created", 2),
    ]
    ids = [headers["webhook-id"] for _, headers, _ in receiver.taken]
    assert ids[0] == ids[1] != ids[2]


def test_nobody_listening_is_tried_again(
    webhook: Webhook, room: Room, bob: User, say: Say, caplog: pytest.LogCaptureFixture
) -> None:
    Webhook.objects.update(url="http://127.0.0.1:9/in")
    say(room, bob, "Hello")
    run_due()

    webhook.refresh_from_db()
    assert (webhook.is_active, webhook.failures) == (True, 1)
    assert "delivered nothing, the next try is in 30 s: NewConnectionError" in caplog.text
    assert "Traceback" not in caplog.text


def test_after_three_days_it_is_off(
    webhook: Webhook, receiver: Receiver, room: Room, bob: User, say: Say
) -> None:
    receiver.statuses = [500]
    Webhook.objects.update(failing_since=timezone.now() - timedelta(days=3))
    say(room, bob, "Hello")
    run_due()
    say(room, bob, "Nobody hears this")
    assert run_due() == 0

    webhook.refresh_from_db()
    assert not webhook.is_active


@pytest.mark.parametrize(
    ("gone", "why"),
    [
        ("address", "Its address answered 410: it is gone."),
        ("bot", "Its bot is not in the room any more."),
        ("inactive", "Its bot is not active any more."),
    ],
)
def test_what_is_gone_for_good_is_off_at_once(
    webhook: Webhook,
    receiver: Receiver,
    room: Room,
    ada: User,
    bob: User,
    say: Say,
    gone: str,
    why: str,
) -> None:
    receiver.statuses = [410]
    if gone == "bot":
        actions.remove_member(room, ada, webhook.bot)
    if gone == "inactive":
        User.objects.filter(pk=webhook.bot_id).update(is_active=False)
    say(room, bob, "Hello")
    run_due()

    webhook.refresh_from_db()
    assert (webhook.is_active, webhook.error) == (False, why)
    assert len(receiver.taken) == (1 if gone == "address" else 0)


def test_an_address_that_has_become_private_is_not_posted_to(
    webhook: Webhook, receiver: Receiver, room: Room, bob: User, say: Say, settings: Settings
) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = False
    Webhook.objects.update(url="https://localhost/in")
    say(room, bob, "Hello")
    run_due()

    webhook.refresh_from_db()
    assert "localhost has an address that is not a public one." in webhook.error
    assert receiver.taken == []
