"""Pushing to browsers: what arrives, what is tried again, what is given up."""

import pytest
from django.db.models.functions import Now
from django.utils import timezone
from py_vapid import Vapid02
from pytest_django import Settings

from accounts.models import User
from notifications import actions
from notifications.actions import notify
from notifications.queries import of, told
from notifications.webpush import tasks
from notifications.webpush.keys import public_key
from notifications.webpush.models import Subscription
from notifications.webpush.tasks import push
from notifications.webpush.tests.conftest import forget_keys, subscribed
from notifications.webpush.tests.service import Browser, PushService
from realtime.models import TaskRow
from realtime.tasks import run_due, unfinished

pytestmark = pytest.mark.django_db


def call(user: User) -> None:
    notify([user], "test.call", room="hall", target="test:hall")


def due_now() -> None:
    TaskRow.objects.update(due_at=Now())


def seconds_until_due() -> int:
    return round((unfinished(push).get().due_at - timezone.now()).total_seconds())


def test_a_browser_is_sent_what_happened_and_can_read_it(
    ada: User, service: PushService, browser: Browser
) -> None:
    call(ada)
    run_due()

    ((path, _, body),) = service.taken
    notification = of(ada.pk).get()
    assert path == "/push/one?v=1"
    assert browser.read(body) == {
        "title": "Someone called from hall",
        "body": "",
        "url": f"/notifications/{notification.pk}/",
        "tag": f"notification-{notification.pk}",
    }
    assert not unfinished(push).exists()


def test_the_request_is_signed_by_the_key_that_browsers_subscribe_with(
    ada: User, service: PushService, browser: Browser
) -> None:
    call(ada)
    run_due()

    ((_, headers, _),) = service.taken
    assert headers["Content-Encoding"] == "aes128gcm"
    assert int(headers["TTL"]) > 0
    assert Vapid02.verify(headers["Authorization"])
    assert f"k={public_key()}" in headers["Authorization"].replace(" ", "")


def test_the_key_is_the_same_as_long_as_the_secret_is(settings: Settings) -> None:
    first = public_key()
    forget_keys()
    assert public_key() == first

    settings.WEB_PUSH_SECRET = "another"
    forget_keys()
    assert public_key() != first


def test_without_a_key_nothing_is_queued(ada: User, browser: Browser, settings: Settings) -> None:
    settings.WEB_PUSH_SECRET = ""
    call(ada)

    assert not unfinished(push).exists()


def test_what_is_quiet_is_not_pushed(ada: User, browser: Browser) -> None:
    notify([ada], "test.rumour", rumour="it rains")

    assert not unfinished(push).exists()


def test_what_was_read_meanwhile_is_not_pushed(
    ada: User, service: PushService, browser: Browser
) -> None:
    call(ada)
    actions.mark_all_read(ada)
    run_due()

    assert service.taken == []
    assert not unfinished(push).exists()


def test_what_was_taken_back_meanwhile_is_not_pushed(
    ada: User, service: PushService, browser: Browser
) -> None:
    actions.set_preference(ada, "test.reply", "quiet")
    notify([ada], "test.reply", room="hall", target="test:hall")
    notify([ada], "test.call", room="hall", target="test:hall", key="1")
    actions.retract(told(target="test:hall", key="1"))
    run_due()

    assert service.taken == []


def test_what_is_told_otherwise_meanwhile_is_pushed_so(
    ada: User, service: PushService, browser: Browser
) -> None:
    notify([ada], "test.call", room="hall", target="test:hall", key="1")
    notify([ada], "test.call", room="words taken back", target="test:hall", key="2")
    actions.retell(told(target="test:hall", key="1"), room="yard")
    actions.retract(told(target="test:hall", key="2"))
    run_due()

    ((_, _, body),) = service.taken
    assert browser.read(body)["title"] == "Someone called from yard"


def test_what_folds_into_one_is_pushed_as_one(
    ada: User, service: PushService, browser: Browser
) -> None:
    call(ada)
    call(ada)
    run_due()

    assert len(service.taken) == 1


def test_every_browser_of_a_person_gets_it(ada: User, bob: User, service: PushService) -> None:
    browsers = [subscribed(ada, service.browser(name)) for name in ("laptop", "phone")]
    subscribed(bob, service.browser("other"))
    call(ada)
    run_due()

    bodies = {path: body for path, _, body in service.taken}
    assert len(bodies) == 2
    for name, browser in zip(("laptop", "phone"), browsers, strict=True):
        assert browser.read(bodies[f"/push/{name}?v=1"])["title"] == "Someone called from hall"


@pytest.mark.parametrize("status", [404, 410])
def test_a_subscription_that_is_gone_is_dropped(
    ada: User, service: PushService, browser: Browser, status: int
) -> None:
    service.statuses = [status]
    call(ada)
    run_due()

    assert not Subscription.objects.exists()


@pytest.mark.parametrize("status", [429, 500, 503, 301, 401])
def test_a_failure_is_tried_again_later(
    ada: User, service: PushService, browser: Browser, status: int
) -> None:
    service.statuses = [status]
    call(ada)

    run_due()
    assert seconds_until_due() == 30
    assert len(service.taken) == 1

    due_now()
    run_due()
    assert len(service.taken) == 2
    assert not unfinished(push).exists()


def test_it_is_given_up_after_six_attempts(
    ada: User, service: PushService, browser: Browser
) -> None:
    service.statuses = [500] * 6
    call(ada)
    while unfinished(push).exists():
        due_now()
        run_due()

    assert len(service.taken) == 6
    assert Subscription.objects.exists()


def test_a_service_that_asks_for_time_is_given_it(
    ada: User, service: PushService, browser: Browser
) -> None:
    service.statuses, service.headers = [429], {"Retry-After": "300"}
    call(ada)
    run_due()

    assert seconds_until_due() == 300


@pytest.mark.parametrize("status", [400, 413])
def test_what_is_refused_for_good_is_not_tried_again(
    ada: User, service: PushService, browser: Browser, status: int
) -> None:
    service.statuses = [status]
    call(ada)
    run_due()

    assert not unfinished(push).exists()
    assert Subscription.objects.exists()


def test_a_service_that_is_away_is_tried_again(
    ada: User, service: PushService, browser: Browser
) -> None:
    Subscription.objects.update(endpoint="http://127.0.0.1:9/push")
    call(ada)
    run_due()

    assert seconds_until_due() == 30


def test_what_waits_to_be_tried_again_is_replaced_by_news_of_the_same(
    ada: User, service: PushService, browser: Browser
) -> None:
    service.statuses = [503]
    call(ada)
    run_due()
    call(ada)
    run_due()

    assert len(service.taken) == 2
    assert not unfinished(push).exists()


def test_what_waits_for_one_browser_is_bounded(
    ada: User, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "WAITING_PER_BROWSER", 3)
    for _ in range(5):
        notify([ada], "announcement", text="Hello", link="")

    assert unfinished(push).count() == 3


def test_a_browser_in_which_one_signed_out_is_told_nothing(
    ada: User, service: PushService, browser: Browser
) -> None:
    call(ada)
    ada.set_password("another")
    ada.save()
    run_due()

    assert service.taken == []
    assert not Subscription.objects.exists()


def test_somebody_else_who_signs_in_takes_the_browser_over(
    ada: User, bob: User, service: PushService, browser: Browser
) -> None:
    call(ada)
    subscribed(bob, browser)
    call(ada)
    run_due()

    assert service.taken == []
    assert Subscription.objects.get().user == bob
