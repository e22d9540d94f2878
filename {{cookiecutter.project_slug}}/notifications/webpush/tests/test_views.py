"""Subscribing a browser."""

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import User
from notifications.webpush.actions import BROWSERS_PER_PERSON
from notifications.webpush.models import Subscription
from notifications.webpush.tests.service import Browser

pytestmark = pytest.mark.django_db

ENDPOINT = "https://push.example.com/x"


@pytest.fixture
def page(ada: User) -> Client:
    page = Client(headers={"accept": "application/json"})
    page.force_login(ada)
    return page


def send(page: Client, name: str, data: object) -> int:
    body = data if isinstance(data, bytes) else json.dumps(data)
    response = page.post(reverse(f"webpush:{name}"), body, content_type="application/json")
    return response.status_code


def test_a_browser_subscribes_once_however_often_it_says_so(page: Client, ada: User) -> None:
    subscription = Browser(ENDPOINT).subscription

    assert [send(page, "subscribe", subscription) for _ in range(2)] == [204, 204]

    kept = Subscription.objects.get()
    assert (kept.user, kept.endpoint) == (ada, ENDPOINT)
    assert kept.session_key == page.session.session_key


def test_a_browser_unsubscribes(page: Client) -> None:
    send(page, "subscribe", Browser(ENDPOINT).subscription)

    assert [send(page, "unsubscribe", {"endpoint": ENDPOINT}) for _ in range(2)] == [204, 204]

    assert not Subscription.objects.exists()


def test_nobody_unsubscribes_for_somebody_else(page: Client, bob: User) -> None:
    send(page, "subscribe", Browser(ENDPOINT).subscription)
    page.force_login(bob)

    send(page, "unsubscribe", {"endpoint": ENDPOINT})

    assert Subscription.objects.exists()


def test_the_oldest_of_too_many_browsers_is_let_go(page: Client) -> None:
    for number in range(BROWSERS_PER_PERSON + 1):
        send(page, "subscribe", Browser(f"{ENDPOINT}{number}").subscription)

    assert Subscription.objects.count() == BROWSERS_PER_PERSON
    assert not Subscription.objects.filter(endpoint=f"{ENDPOINT}0").exists()


def changed(**parts: Any) -> dict[str, Any]:
    subscription = Browser(ENDPOINT).subscription
    keys = {**subscription["keys"], **parts.pop("keys", {})}
    return {**subscription, "keys": keys, **parts}


@pytest.mark.parametrize(
    "subscription",
    [
        b"",
        b"\xff",
        [],
        {},
        {"endpoint": ENDPOINT},
        changed(endpoint="https://10.0.0.1/x"),
        changed(endpoint=f"{ENDPOINT}{'x' * 1000}"),
        changed(endpoint=7),
        changed(keys={"p256dh": "AAAA"}),
        changed(keys={"p256dh": "B" + "A" * 86}),
        changed(keys={"p256dh": "ü"}),
        changed(keys={"auth": "AAAA"}),
        changed(keys={"auth": "\x00"}),
    ],
)
def test_what_is_no_subscription_is_refused(
    page: Client, settings: Settings, subscription: object
) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = False

    assert send(page, "subscribe", subscription) == 400
    assert not Subscription.objects.exists()


def test_only_pages_of_this_site_subscribe(ada: User) -> None:
    stranger = Client(enforce_csrf_checks=True)
    stranger.force_login(ada)

    assert send(stranger, "subscribe", Browser(ENDPOINT).subscription) == 403


def test_whoever_is_not_signed_in_subscribes_nothing() -> None:
    assert send(Client(), "subscribe", Browser(ENDPOINT).subscription) == 302


def test_the_service_worker_shows_what_is_pushed() -> None:
    assert "showNotification" in Client().get("/service-worker.js").content.decode()


def test_the_settings_page_offers_it_where_there_is_a_key(page: Client, settings: Settings) -> None:
    offered = page.get(reverse("notifications:settings")).content.decode()
    settings.WEB_PUSH_SECRET = ""
    not_offered = page.get(reverse("notifications:settings")).content.decode()

    assert "data-push-switch" in offered
    assert "data-push-switch" not in not_offered
