"""Who is let in, and when they are put out."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.sessions.models import Session
from django.db.models import QuerySet
from django.test import Client as Browser
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import User
from realtime.admission.auth import sign_in
from realtime.admission.tickets import issue, redeem
from realtime.database import in_database
from realtime.delivery import engine
from realtime.delivery.engine import this_engine
from realtime.protocol import Closing
from realtime.sessions import signed_out, verified_sessions
from realtime.tasks.worker import Worker
from realtime.testing import session_key_of
from realtime.tests.echo import connect_echo

pytestmark = pytest.mark.django_db(transaction=True)


def users_of(key: str) -> list[AbstractBaseUser | None]:
    return [found and found.user for found in verified_sessions([key])]


def test_a_session_under_an_old_key_is_good_and_stays_as_it_is(
    ada: User, settings: Settings, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    key = session_key_of(ada)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "the next key, which is another one altogether"
    before = Session.objects.get(pk=key).session_data
    with django_assert_num_queries(2):
        assert users_of(key) == [ada]
    assert Session.objects.get(pk=key).session_data == before


def test_sessions_that_ended_open_nothing(ada: User) -> None:
    key = session_key_of(ada)
    assert users_of("made-up") == [None]
    Session.objects.filter(pk=key).update(expire_date=timezone.now())
    assert users_of(key) == [None]


def test_a_worker_drops_the_sessions_that_are_over(ada: User) -> None:
    over, live = session_key_of(ada), session_key_of(ada)
    Session.objects.filter(pk=over).update(expire_date=timezone.now())

    Worker()._tidy()

    assert [each.pk for each in Session.objects.all()] == [live]


def test_a_changed_password_or_a_deactivation_ends_sessions(ada: User) -> None:
    key = session_key_of(ada)
    User.objects.filter(pk=ada.pk).update(is_active=False)
    assert users_of(key) == [None]
    User.objects.filter(pk=ada.pk).update(is_active=True, password="other")
    assert users_of(key) == [None]


@pytest.mark.parametrize(
    ("header", "value", "code"),
    [
        (b"host", b"[::1", 4403),
        (b"host", b"testserver:port", 4403),
        (b"origin", b"http://[", 4403),
        (b"cookie", b'sessionid="\\000-in-a-session-key"', 4401),
        (b"cookie", b"\xff=;;sessionid", 4401),
    ],
)
async def test_a_handshake_that_makes_no_sense_is_refused_as_any_other(
    header: bytes, value: bytes, code: int
) -> None:
    headers = {b"host": b"testserver", b"origin": b"http://testserver", header: value}
    scope = {
        "path": "/ws/",
        "subprotocols": ["realtime.v1"],
        "scheme": "ws",
        "headers": list(headers.items()),
    }
    with pytest.raises(Closing) as refused:
        await sign_in(scope)
    assert refused.value.code == code


# Tickets


async def test_a_session_kept_in_the_cache_too_opens_a_socket(
    ada: User, settings: Settings
) -> None:
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
    async with connect_echo("/ws/echo/a/", ada) as client:
        assert (await client.receive())["type"] == "welcome"


async def test_a_ticket_opens_one_socket_without_cookie_or_origin(ada: User) -> None:
    ticket = await in_database(lambda: issue(session_key_of(ada)))
    offered = ["realtime.v1", f"ticket.{ticket}"]
    async with connect_echo("/ws/echo/a/", subprotocols=offered, origin=None) as client:
        assert (await client.receive())["type"] == "welcome"
    async with connect_echo("/ws/echo/a/", subprotocols=offered, origin=None) as client:
        assert await client.closed() == 4401


def test_a_ticket_expires(ada: User, settings: Settings) -> None:
    settings.REALTIME = {"TICKET_SECONDS": 1e-9}
    assert redeem(issue(session_key_of(ada))) is None


def test_a_ticket_is_given_to_who_is_signed_in(ada: User) -> None:
    browser = Browser()
    assert browser.post("/api/realtime/ticket").status_code == 401
    browser.force_login(ada)
    answer = browser.post("/api/realtime/ticket")
    assert answer.status_code == 201
    assert redeem(answer.json()["ticket"]) == browser.session.session_key


def test_a_ticket_is_given_for_a_session_token(ada: User) -> None:
    token = {"X-Session-Token": session_key_of(ada)}
    browser = Browser(enforce_csrf_checks=True)
    assert browser.post("/api/realtime/ticket", headers=token).status_code == 201
    assert browser.post("/api/realtime/ticket", headers={"X-Session-Token": "x"}).status_code == 401


def test_a_ticket_is_not_given_to_another_site_s_form(ada: User) -> None:
    browser = Browser(enforce_csrf_checks=True)
    browser.force_login(ada)
    assert browser.post("/api/realtime/ticket").status_code == 403


# Being put out


def log_out(user: User, browser: Browser) -> None:
    browser.post("/accounts/logout/")


def change_password(user: User, browser: Browser) -> None:
    user.set_password("another one entirely")
    user.save()


def deactivate(user: User, browser: Browser) -> None:
    user.is_active = False
    user.save()


def delete(user: User, browser: Browser) -> None:
    user.delete()


def update_password(user: User, browser: Browser) -> None:
    User.objects.filter(pk=user.pk).update(password="another")


@pytest.mark.parametrize("end", [log_out, change_password, update_password, deactivate, delete])
async def test_a_sign_in_that_ends_closes_its_sockets_at_once(
    ada: User, bob: User, end: Callable[[User, Browser], None]
) -> None:
    browser = Browser()
    await in_database(browser.force_login, ada)
    cookie = browser.cookies["sessionid"].value
    ticket = await in_database(issue, cookie)
    offer = ["realtime.v1", f"ticket.{ticket}"]
    async with (
        connect_echo("/ws/echo/a/", subprotocols=offer) as one,
        connect_echo("/ws/echo/a/", bob) as two,
    ):
        await one.expect("welcome")
        await two.expect("welcome")
        await in_database(end, ada, browser)
        assert await one.closed() == 4401
        assert (await two.send("say", {"text": "a"}))["type"] == "ok"


@pytest.mark.parametrize(
    "end",
    [
        lambda user: QuerySet(User).filter(pk=user.pk).update(is_active=False),
        lambda user: QuerySet(User).filter(pk=user.pk).update(password="another"),
        lambda user: Session.objects.update(expire_date=timezone.now() - timedelta(days=1)),
        lambda user: Session.objects.all().delete(),
    ],
)
async def test_the_periodic_check_finds_what_no_signal_told(
    ada: User, settings: Settings, monkeypatch: pytest.MonkeyPatch, end: Callable[[User], Any]
) -> None:
    settings.REALTIME = {"CHECK_SECONDS": 1e-9}
    monkeypatch.setattr(engine, "TICK_SECONDS", 0.01)
    async with connect_echo("/ws/echo/a/", ada) as client:
        await client.expect("welcome")
        await in_database(end, ada)
        assert await client.closed() == 4401


async def test_the_check_is_one_query_for_all_sockets(
    ada: User, bob: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    async with connect_echo("/ws/echo/a/", ada) as one, connect_echo("/ws/echo/a/", bob) as two:
        await one.expect("welcome")
        await two.expect("welcome")
        connections = list(this_engine().connections)

        def check() -> None:
            with django_assert_num_queries(1):
                assert signed_out(connections) == []

        await in_database(check)


def test_a_log_in_does_not_count_as_a_change(ada: User) -> None:
    key = session_key_of(ada)
    Browser().force_login(ada)
    assert users_of(key) == [ada]
