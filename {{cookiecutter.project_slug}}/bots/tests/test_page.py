"""The page of a room's bots."""

import re
from datetime import timedelta

import pytest
from django.contrib.admin import site
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from bots import actions as bots
from bots.models import Webhook
from chat import actions
from chat.models import Membership, Message, Room
from chat.tests.conftest import Published, Say, refused
from realtime.models import TaskRow
from realtime.protocol import ErrorCode
from realtime.tasks import run_due
from realtime.tests.receiver import Receiver
from realtime.tests.test_tasks import make_due

pytestmark = pytest.mark.django_db
PAGE = "/rooms/general/bots/"


@pytest.fixture
def moderator(client: Client, room: Room, ada: User) -> Client:
    client.force_login(ada)
    return client


def test_a_webhook_is_made_and_its_address_is_shown_once(moderator: Client, room: Room) -> None:
    made = moderator.post(PAGE, {"name": "Deploys"}, follow=True).content.decode()
    again = moderator.get(PAGE).content.decode()

    (address,) = re.findall(r'value="http://testserver(/hooks/[^"]+)"', made)
    assert "/hooks/" not in again
    assert "Deploys" in again
    assert Client().post(address, {"text": "Hello"}).status_code == 200
    assert Membership.objects.get(user__is_bot=True).role == "member"


def test_with_an_address_its_signing_secret_is_shown(
    moderator: Client, room: Room, receiver: Receiver
) -> None:
    answers = {"name": "Deploys", "url": receiver.url()}
    page = moderator.post(PAGE, answers, follow=True).content.decode()

    assert Webhook.objects.get().signing_secret in page


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"name": ""}, "This field is required."),
        ({"name": "ada"}, "Somebody goes by this name"),
        ({"name": "\u202ebot"}, "without invisible characters"),
        ({"name": "Ops", "url": "http://example.com/"}, "Write an https address"),
        ({"name": "Ops", "url": "https://10.0.0.1/in"}, "This address is not a public one."),
        ({"name": "Ops", "url": "https://[::1]/in"}, "This address is not a public one."),
        ({"name": "Ops", "url": "ops"}, "This is not an address to post to"),
    ],
)
def test_what_cannot_be_made_is_said_on_the_page(
    moderator: Client, answers: dict[str, str], said: str
) -> None:
    response = moderator.post(PAGE, answers)

    assert said in response.content.decode()
    assert not User.objects.filter(is_bot=True).exists()


def test_a_room_has_a_bounded_number_of_webhooks(
    room: Room, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bots, "WEBHOOKS_PER_ROOM", 1)
    bots.create_webhook(room, ada, name="One")
    with refused(ErrorCode.CONFLICT):
        bots.create_webhook(room, ada, name="Two")


def test_renewing_shows_another_address_and_tries_again(
    moderator: Client, webhook: Webhook, room: Room, bob: User, say: Say, receiver: Receiver
) -> None:
    receiver.statuses = [410, 500]
    Webhook.objects.update(failures=9)
    say(room, bob, "Hello")
    run_due()

    page = moderator.post(f"{PAGE}{webhook.pk}/", {"renew": ""}, follow=True).content.decode()
    run_due()

    assert "/hooks/" in page
    assert len(receiver.taken) == 2
    webhook.refresh_from_db()
    assert (webhook.failures, webhook.is_active) == (1, True)
    due_at = TaskRow.objects.get(status="READY").due_at
    assert round((due_at - timezone.now()).total_seconds()) == 30


def test_renewing_switches_nothing_on_that_has_no_address(room: Room, ada: User) -> None:
    webhook, _ = bots.create_webhook(room, ada, name="Deploys")

    bots.renew_webhook(webhook, ada)

    webhook.refresh_from_db()
    assert not webhook.is_active
    assert not TaskRow.objects.exists()


def test_deleting_ends_the_bot_and_keeps_what_it_said(
    moderator: Client, webhook: Webhook, room: Room, say: Say
) -> None:
    say(room, webhook.bot, "Deployed")

    moderator.post(f"{PAGE}{webhook.pk}/", {"delete": ""})

    assert not Webhook.objects.exists()
    assert not User.objects.filter(is_bot=True).exists()
    assert Message.objects.get().body == "Deployed"


def test_the_bots_of_a_room_go_with_it(
    webhook: Webhook, room: Room, django_capture_on_commit_callbacks: object
) -> None:
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        actions.delete_room(room)

    assert not User.objects.filter(is_bot=True).exists()


@pytest.mark.parametrize("path", ["", "add/", "1/"])
def test_only_moderators_change_a_rooms_bots(
    client: Client, webhook: Webhook, room: Room, bob: User, path: str
) -> None:
    client.force_login(bob)

    path = path.replace("1", str(webhook.pk))
    answers = {"name": "Mine", "username": "helper", "renew": ""}
    assert client.post(f"{PAGE}{path}", answers).status_code in (403, 404)
    assert client.get(PAGE).status_code == 403
    assert Webhook.objects.get().digest == webhook.digest


def test_a_bot_that_answers_is_added(
    moderator: Client, room: Room, settings: Settings, published: Published
) -> None:
    settings.ANSWERING_BOTS = {"helper": "bots.tests.answers.echo"}
    assert "@helper" in moderator.get(PAGE).content.decode()

    for _ in range(2):
        moderator.post(f"{PAGE}add/", {"username": "helper"})

    assert published.last("member.joined")["data"]["member"]["bot"] is True
    assert "In this room" in moderator.get(PAGE).content.decode()
    assert moderator.post(f"{PAGE}add/", {"username": "nobody"}).status_code == 404


def test_a_person_of_that_name_is_no_bot(
    room: Room, ada: User, bob: User, settings: Settings
) -> None:
    settings.ANSWERING_BOTS = {"bob": "bots.tests.answers.echo"}
    with refused(ErrorCode.CONFLICT):
        bots.add_answering_bot(room, ada, "bob")


def test_a_bot_is_not_invited_owns_no_room_and_keeps_none_open(
    webhook: Webhook, room: Room, ada: User, bob: User
) -> None:
    with refused(ErrorCode.CONFLICT):
        actions.change_role(room, ada, webhook.bot, "owner")
    private = actions.create_room(ada, name="Private", kind=Room.Kind.PRIVATE)
    with refused(ErrorCode.CONFLICT):
        actions.invite(private, ada, webhook.bot)

    actions.leave_room(room, bob)
    actions.enter(room, bob)  # later than the bot
    actions.leave_room(room, ada)
    assert Membership.objects.get(room=room, user=bob).role == "owner"
    actions.add_bot(private, ada, webhook.bot)
    actions.leave_room(private, ada)
    assert not Room.objects.filter(pk=private.pk).exists()


def test_webhooks_are_switched_in_the_admin(
    client: Client, webhook: Webhook, room: Room, ada: User, bob: User, say: Say, receiver: Receiver
) -> None:
    User.objects.filter(pk=ada.pk).update(is_staff=True, is_superuser=True)
    client.force_login(ada)
    page = reverse("admin:bots_webhook_change", args=[webhook.pk])
    client.post(page, {})
    say(room, bob, "Hello")
    run_due()
    assert receiver.taken == []

    long_ago = timezone.now() - timedelta(days=9)
    Webhook.objects.update(failing_since=long_ago, failures=9, error="It was away.")
    receiver.statuses = [500]
    client.post(page, {"is_active": "on"})
    assert b"It was away." not in client.get(page).content
    run_due()
    webhook.refresh_from_db()
    assert (webhook.is_active, webhook.failures) == (True, 1)
    make_due()
    run_due()
    assert len(receiver.taken) == 2
    assert b"deploys-bot" in client.get(reverse("admin:bots_webhook_changelist")).content
    assert not site.get_model_admin(Webhook).has_add_permission(None)  # type: ignore[arg-type]
