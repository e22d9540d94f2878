"""The e-mail about what stayed unread."""

from datetime import datetime, timedelta
from io import StringIO

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.mail import EmailMessage
from django.core.mail.backends.locmem import EmailBackend
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import User
from notifications import actions
from notifications.actions import notify
from notifications.digest import SHOWN, Sent, send_digests
from notifications.kinds import Level
from notifications.models import Inbox, Notification
from notifications.queries import of

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(ada: User) -> User:
    EmailAddress.objects.create(user=ada, email=ada.email, primary=True, verified=True)
    return ada


@pytest.fixture
def tomorrow() -> datetime:
    return timezone.now() + timedelta(days=1, minutes=1)


def call(user: User) -> None:
    notify([user], "test.call", room="<hall>")


def test_what_is_unread_for_a_day_is_e_mailed(ada: User, tomorrow: datetime) -> None:
    call(ada)

    assert send_digests(tomorrow) == Sent(people=1)

    (message,) = mail.outbox
    assert message.to == ["ada@example.com"]
    assert message.subject.startswith("1 thing waits for you on")
    assert "- Someone called from <hall>" in message.body
    assert "/notifications/" in message.body


def test_what_is_younger_waits(ada: User) -> None:
    call(ada)

    assert send_digests() == Sent()


def test_nothing_is_sent_twice(ada: User, tomorrow: datetime) -> None:
    call(ada)

    send_digests(tomorrow)
    send_digests(tomorrow)
    send_digests(tomorrow + timedelta(days=9))

    assert len(mail.outbox) == 1


def test_there_is_one_e_mail_a_day_at_most(ada: User, tomorrow: datetime) -> None:
    call(ada)
    send_digests(tomorrow)
    call(ada)

    assert send_digests(tomorrow + timedelta(hours=1)) == Sent()
    assert send_digests(tomorrow + timedelta(days=1)) == Sent(people=1)


def test_what_is_read_or_deleted_is_left_out(ada: User, tomorrow: datetime) -> None:
    for _ in range(2):
        call(ada)
    one, two = of(ada.pk)
    actions.mark_read(ada, one.pk)
    actions.delete(ada, two.pk)

    assert send_digests(tomorrow) == Sent()


def test_what_is_quiet_or_turned_off_meanwhile_is_left_out(ada: User, tomorrow: datetime) -> None:
    notify([ada], "test.rumour", rumour="it rains")
    call(ada)
    actions.set_preference(ada, "test.call", Level.QUIET)

    assert send_digests(tomorrow) == Sent()


def test_whoever_wants_no_e_mail_gets_none(ada: User, tomorrow: datetime) -> None:
    call(ada)
    actions.set_digest(ada, False)

    assert send_digests(tomorrow) == Sent()


def test_an_address_that_nobody_confirmed_gets_none(bob: User, tomorrow: datetime) -> None:
    EmailAddress.objects.create(user=bob, email=bob.email, primary=True, verified=False)
    call(bob)

    assert send_digests(tomorrow) == Sent()


def test_whoever_is_deactivated_gets_none(ada: User, tomorrow: datetime) -> None:
    call(ada)
    User.objects.filter(pk=ada.pk).update(is_active=False)

    assert send_digests(tomorrow) == Sent()


def test_of_very_many_only_some_are_named(ada: User, tomorrow: datetime) -> None:
    for _ in range(SHOWN + 3):
        call(ada)

    send_digests(tomorrow)

    assert mail.outbox[0].body.count("called from") == SHOWN
    assert "and 3 more" in mail.outbox[0].body


def test_what_could_not_be_sent_is_sent_by_the_next_run(
    ada: User, bob: User, tomorrow: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    EmailAddress.objects.create(user=bob, email=bob.email, primary=True, verified=True)
    call(ada)
    call(bob)

    def refuse(backend: EmailBackend, messages: list[EmailMessage]) -> int:
        if messages[0].to == [ada.email]:
            raise OSError("the mail server is away")
        return 1

    with monkeypatch.context() as patched:
        patched.setattr(EmailBackend, "send_messages", refuse)
        assert send_digests(tomorrow) == Sent(people=1, failed=1)

    assert send_digests(tomorrow) == Sent(people=1)
    assert mail.outbox[0].to == [ada.email]


def test_the_command_says_what_it_did(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    call(ada)
    Notification.objects.update(created_at=timezone.now() - timedelta(days=2))
    said = StringIO()

    call_command("send_digest", stdout=said)
    assert said.getvalue() == "Wrote to 1 people.\n"

    Inbox.objects.update(mailed_at=None)
    Notification.objects.update(mailed_at=None)
    monkeypatch.setattr(EmailBackend, "send_messages", lambda *_: 1 / 0)
    with pytest.raises(CommandError, match="1 could not be sent"):
        call_command("send_digest", stdout=said)
