"""The address that programs post to."""

import json
import logging
from io import BytesIO
from typing import Any

import pytest
from django.core import mail
from django.db import OperationalError
from django.test import Client
from pytest_django import Settings

from accounts.mail import flush
from accounts.models import User
from bots import actions as bots
from bots import views
from chat import actions
from chat.models import Message, Room
from operations.logs import JsonFormatter, LineFormatter, OwnerMailHandler

pytestmark = pytest.mark.django_db


@pytest.fixture
def address(room: Room, ada: User) -> str:
    _, secret = bots.create_webhook(room, ada, name="Deploys")
    return f"/hooks/{secret}/"


def post(address: str, body: Any, **options: Any) -> Any:  # Any: django-stubs has no name for it
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    return client.post(address, body, **{"content_type": "application/json", **options})


def test_json_is_posted_as_the_bot_of_the_webhook(address: str, room: Room) -> None:
    response = post(address, {"text": "Deployed", "channel": "#ops", "icon_emoji": ":rocket:"})

    assert response.json() == {"room": "general", "seq": 1}
    message = Message.objects.get()
    assert (message.room, message.body) == (room, "Deployed")
    assert message.as_data().author["name"] == "Deploys"
    assert message.as_data().author["bot"] is True


@pytest.mark.parametrize("form", [{"text": "Deployed"}, {"payload": '{"text": "Deployed"}'}])
def test_a_form_does_too(address: str, form: dict[str, str]) -> None:
    assert Client(enforce_csrf_checks=True).post(address, form).status_code == 200
    assert Message.objects.get().body == "Deployed"


def test_a_private_room_can_be_posted_to(ada: User) -> None:
    room = actions.create_room(ada, name="Ops", kind=Room.Kind.PRIVATE)
    _, secret = bots.create_webhook(room, ada, name="Deploys")

    assert post(f"/hooks/{secret}/", {"text": "Deployed"}).json() == {"room": "ops", "seq": 1}


@pytest.mark.parametrize("header", [True, False])
def test_a_retry_gets_the_first_message(address: str, header: bool) -> None:
    headers = {"Idempotency-Key": "build 7"} if header else {}
    body = {"text": "Deployed"} if header else {"text": "Deployed", "id": "build 7"}
    first, second = (post(address, body, headers=headers) for _ in range(2))

    assert first.json() == second.json() == {"room": "general", "seq": 1}
    assert Message.objects.count() == 1


def test_without_an_id_the_same_text_is_posted_again(address: str) -> None:
    assert [post(address, {"text": "Up"}).json()["seq"] for _ in range(2)] == [1, 2]


def test_another_text_with_the_same_id_is_a_conflict(address: str) -> None:
    post(address, {"text": "one", "id": "7"})
    response = post(address, {"text": "two", "id": "7"})

    assert (response.status_code, response.json()["code"]) == (409, "conflict")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{}", 400),
        (b"null", 400),
        (b'{"text": 7}', 400),
        (b'{"text": ""}', 400),
        (b'{"text": " \xe2\x80\x8b "}', 400),
        (b'{"text": "\\u0000"}', 400),
        (b'{"text": "\\ud800"}', 400),
        (b"\x00\xff\xfe", 400),
        (b"[" * 60_000, 400),
        (json.dumps({"text": "x" * 4_001}).encode(), 413),
        (json.dumps({"text": "x" * 1_048_576}).encode(), 413),
        (b"\x00" * 1_048_576, 413),
    ],
)
def test_what_cannot_be_posted_is_refused_in_json(address: str, body: bytes, status: int) -> None:
    response = post(address, body)

    assert response.status_code == status
    assert response.json()["detail"]
    assert not Message.objects.exists()


@pytest.mark.parametrize("form", [{"file": BytesIO(b"a file")}, {}])
def test_a_form_without_a_text_is_refused_in_json(address: str, form: dict[str, BytesIO]) -> None:
    response = Client().post(address, form)

    assert (response.status_code, response.json()["code"]) == (400, "invalid")
    assert "or a form with the field text" in response.json()["detail"]


def test_a_form_that_is_too_large_is_refused(address: str) -> None:
    assert Client().post(address, {"text": "x" * 70_000}).status_code == 413


@pytest.mark.parametrize("secret", ["wrong", "%00", "x" * 4_000, "é"])
def test_an_unknown_secret_is_not_found(db: None, secret: str) -> None:
    response = post(f"/hooks/{secret}/", {"text": "Hello"})

    assert (response.status_code, response.json()["code"]) == (404, "not_found")


def test_only_posts_are_taken(address: str) -> None:
    assert Client().get(address).status_code == 405


def test_whoever_posts_too_much_is_told_when_to_go_on(address: str, settings: Settings) -> None:
    settings.BUDGETS = {"messages": [1, 3600]}
    post(address, {"text": "one"})
    response = post(address, {"text": "two"})

    assert response.status_code == 429
    assert 0 < int(response["Retry-After"]) <= 3600


def test_a_bot_that_was_removed_from_the_room_may_not_post(
    address: str, room: Room, ada: User
) -> None:
    actions.remove_member(room, ada, User.objects.get(is_bot=True))

    assert post(address, {"text": "Hello"}).status_code == 403


def test_a_bot_that_was_made_inactive_may_not_post(address: str) -> None:
    User.objects.filter(is_bot=True).update(is_active=False)

    response = post(address, {"text": "Deployed"})
    assert response.status_code == 403
    assert response.json()["detail"] == ("This account is not active. Ask whoever runs this site.")
    assert not Message.objects.exists()


def test_while_the_database_is_away_it_is_unavailable(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*args: object, **kwargs: object) -> None:
        raise OperationalError("the connection is lost")

    monkeypatch.setattr(views, "post_message", away)
    response = post(address, {"text": "Hello"}, headers={"Accept": "application/json"})

    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert response.json()["code"] == "unavailable"


def test_a_renewed_webhook_has_one_secret(room: Room, ada: User) -> None:
    webhook, old = bots.create_webhook(room, ada, name="Deploys")
    new = bots.renew_webhook(webhook, ada)

    assert post(f"/hooks/{old}/", {"text": "Hello"}).status_code == 404
    assert post(f"/hooks/{new}/", {"text": "Hello"}).status_code == 200


def test_the_secret_is_in_no_log_and_in_no_row(room: Room, ada: User) -> None:
    webhook, secret = bots.create_webhook(room, ada, name="Deploys")
    record = logging.makeLogRecord({"msg": f"Not Found: /hooks/{secret}/"})

    assert json.loads(JsonFormatter().format(record))["message"] == "Not Found: /hooks/.../"
    webhook.refresh_from_db()
    assert secret not in str(vars(webhook))


def test_no_mail_or_line_has_the_secret_of_a_webhook(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*arguments: object) -> None:
        raise RuntimeError("broken")

    (handler,) = (each for each in logging.root.handlers if isinstance(each, OwnerMailHandler))
    monkeypatch.setattr(handler, "_mailed", set())
    monkeypatch.setattr("bots.views.post_message", fail)
    monkeypatch.setattr("bots.models.Webhook.digest_of", fail)
    client = Client(raise_request_exception=False)
    assert client.post("/hooks/s3cret-word/", {"text": "Hello"}).status_code == 500
    assert flush()
    (sent,) = mail.outbox
    lines = [LineFormatter().format(each) for each in caplog.records]
    for text in (sent.subject, sent.body, *lines):
        assert "s3cret-word" not in text
    assert "/hooks/.../" in sent.body
    assert any("/hooks/.../" in line for line in lines)
