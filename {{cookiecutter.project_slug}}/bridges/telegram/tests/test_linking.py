import re
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from allauth.account.signals import password_changed, password_reset
from django.core.management import CommandError, call_command
from django.dispatch import Signal
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from bridges.telegram import linking
from bridges.telegram.conversation import WRONG_CODE
from bridges.telegram.models import Bot, Code, Link
from bridges.telegram.tests.conftest import CHAT, Say

PAGE = "/settings/telegram/"


@pytest.fixture
def browser(ada: User) -> Client:
    browser = Client()
    browser.force_login(ada)
    return browser


def test_a_person_links_their_account_by_the_link_of_the_page(
    browser: Client, ada: User, bot: Bot, say: Say
) -> None:
    assert "Link to Telegram" in browser.get(PAGE).content.decode()
    page = browser.post(PAGE).content.decode()
    (code,) = re.findall(r'href="https://t\.me/parlour_bot\?start=([\w-]{32})"', page)

    assert say(f"/start {code}").startswith("Hello ada. This chat is linked to your account now.")

    page = browser.get(PAGE).content.decode()
    assert "linked to <strong>@ada_l</strong>" in page
    assert code not in page
    browser.post(f"{PAGE}unlink/")
    assert "Link to Telegram" in browser.get(PAGE).content.decode()
    assert not Link.objects.exists()


def test_the_page_says_where_no_bot_runs(browser: Client) -> None:
    assert "bot is not running yet" in browser.get(PAGE).content.decode()
    assert "bot is not running yet" in browser.post(PAGE).content.decode()
    assert not Code.objects.exists()


def test_the_settings_lead_there(browser: Client) -> None:
    assert f'href="{PAGE}"' in browser.get("/settings/profile/").content.decode()


def test_a_code_is_kept_as_a_digest(ada: User) -> None:
    code = linking.new_code(ada)
    assert code not in str(Code.objects.values())


def test_a_code_links_one_chat_and_that_one_again(ada: User, say: Say) -> None:
    code = linking.new_code(ada)
    assert say(f"/start {code}", 1).startswith("Hello ada.")
    (link,) = Link.objects.all()
    assert say(f"/start {code}", 1) == ""  # delivered twice
    assert say(f"/start {code}").startswith("Hello ada.")
    assert say(f"/start {code}", chat_id=8) == WRONG_CODE
    assert list(Link.objects.values_list("pk", "chat_id")) == [(link.pk, CHAT)]


def test_a_code_that_was_used_but_not_acknowledged_works_when_it_comes_again(ada: User) -> None:
    code = linking.new_code(ada)
    assert linking.link(code, CHAT, "@ada_l") == ada
    assert linking.link(code, CHAT, "@ada_l") == ada


def test_a_code_expires_and_a_new_one_replaces_it(ada: User, say: Say) -> None:
    replaced, code = linking.new_code(ada), linking.new_code(ada)
    assert say(f"/start {replaced}") == WRONG_CODE
    minutes = Code.objects.get().expires_at - timezone.now()
    assert timedelta(minutes=9) < minutes <= timedelta(minutes=10)
    Code.objects.update(expires_at=timezone.now())
    assert say(f"/start {code}") == WRONG_CODE
    assert say("/start guessed") == WRONG_CODE
    assert not Link.objects.exists()


def test_nobody_links_a_deactivated_account(ada: User, say: Say) -> None:
    code = linking.new_code(ada)
    User.objects.update(is_active=False)
    assert say(f"/start {code}") == WRONG_CODE


def test_a_chat_is_of_one_person_and_a_person_has_one_chat(
    chat: Link, ada: User, bob: User, say: Say
) -> None:
    assert say(f"/start {linking.new_code(bob)}").startswith("Hello bob.")
    assert list(Link.objects.values_list("user", "chat_id")) == [(bob.pk, CHAT)]
    assert say(f"/start {linking.new_code(bob)}", chat_id=8).startswith("Hello bob.")
    assert list(Link.objects.values_list("user", "chat_id")) == [(bob.pk, 8)]


@pytest.mark.parametrize("signal", [password_changed, password_reset])
def test_a_changed_password_unlinks(chat: Link, ada: User, signal: Signal) -> None:
    EmailAddress.objects.create(user=ada, email=ada.email, primary=True, verified=True)
    signal.send(User, request=None, user=ada)
    assert not Link.objects.exists()
    assert not Code.objects.exists()


@pytest.mark.parametrize("token", ["123456", "bot123456:" + "a" * 35, "123456:" + "a" * 35 + " "])
def test_a_malformed_token_is_refused_without_being_shown(
    settings: Settings, db: None, token: str
) -> None:
    settings.TELEGRAM_TOKEN = token
    (error,) = linking.check_token(None)
    assert (error.id, error.msg) == ("telegram.E001", "TELEGRAM_TOKEN is not the token of a bot.")
    assert token not in f"{error.msg} {error.hint}"
    assert linking.bot() is None


@pytest.mark.parametrize("token", ["", "123456789:AAF-a_b" + "c" * 27])
def test_a_token_or_none_is_in_order(settings: Settings, token: str) -> None:
    settings.TELEGRAM_TOKEN = token
    assert linking.check_token(None) == []


def test_without_a_token_the_command_says_what_to_set(settings: Settings) -> None:
    settings.TELEGRAM_TOKEN = ""
    with pytest.raises(CommandError, match="TELEGRAM_TOKEN is not set"):
        call_command("runtelegram")
