"""Whom bots have told of what."""

import pytest

from accounts.models import User
from bots.models import Webhook
from chat import actions
from chat.models import Room
from chat.tests.conftest import Say
from notifications.queries import of
from realtime.tasks import run_due
from realtime.tests.receiver import Receiver

pytestmark = pytest.mark.django_db


def test_an_answer_is_told_to_whoever_asked(room: Room, bob: User, helper: User, say: Say) -> None:
    say(room, bob, "@helper what is this?")
    run_due()

    assert of(bob.pk).get().as_data().text == "helper answered you in General"


def test_whoever_made_a_webhook_is_told_when_it_is_off(
    webhook: Webhook, receiver: Receiver, room: Room, ada: User, bob: User, say: Say
) -> None:
    receiver.statuses = [410]
    say(room, bob, "Hello")
    run_due()

    told = of(ada.pk).get().as_data()
    assert told.text == "Deploys of General is off: Its address answered 410: it is gone."
    assert told.link == "/rooms/general/bots/"


def test_a_maker_who_was_removed_is_not_told(
    webhook: Webhook, receiver: Receiver, room: Room, ada: User, bob: User, say: Say
) -> None:
    receiver.statuses = [410]
    say(room, bob, "Hello")
    room.memberships.filter(user=bob).update(role="owner")
    room.memberships.filter(user=ada).update(role="member")
    actions.remove_member(room, bob, ada)
    run_due()

    assert not Webhook.objects.get().is_active
    assert not of(ada.pk).exists()
