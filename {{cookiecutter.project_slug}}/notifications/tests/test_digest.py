"""The e-mail about what stayed unread."""

from datetime import timedelta
from io import StringIO
from threading import Barrier, Thread

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.mail import EmailMessage
from django.core.mail.backends.locmem import EmailBackend
from django.core.management import call_command
from django.db import connections
from django.db.models import F

from accounts.models import User
from notifications import actions, digest
from notifications.actions import notify
from notifications.digest import SHOWN, enqueue_digests, send_digest
from notifications.kinds import Level
from notifications.models import Inbox, Notification
from notifications.queries import of, told
from realtime.models import TaskRow
from realtime.tasks import run_due, unfinished

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(ada: User) -> User:
    EmailAddress.objects.create(user=ada, email=ada.email, primary=True, verified=True)
    return ada


def call(user: User) -> None:
    notify([user], "test.call", room="<hall>")


def pass_time(hours: float = 24.1) -> None:
    """Move what has been into the past."""
    passed = timedelta(hours=hours)
    Notification.objects.update(created_at=F("created_at") - passed)
    Inbox.objects.exclude(mailed_at=None).update(mailed_at=F("mailed_at") - passed)
    TaskRow.objects.update(due_at=F("due_at") - passed)


def emails() -> int:
    """How many e-mails a run sends."""
    before = len(mail.outbox)
    enqueue_digests()
    run_due()
    return len(mail.outbox) - before


def test_what_is_unread_for_a_day_is_e_mailed(ada: User) -> None:
    call(ada)
    pass_time()

    assert emails() == 1

    (message,) = mail.outbox
    assert message.to == ["ada@example.com"]
    assert message.subject.startswith("1 thing waits for you on")
    assert "- Someone called from <hall>" in message.body
    assert "/notifications/" in message.body


def test_what_was_taken_back_is_not_e_mailed_nor_what_is_left_twice(ada: User) -> None:
    notify([ada], "test.call", target="test:hall", key="1", room="hall")
    notify([ada], "test.call", target="test:hall", key="2", room="words taken back")
    actions.retract(told(target="test:hall", key="2"))
    pass_time()
    assert emails() == 1
    assert "- Someone called from hall" in mail.outbox[0].body

    notify([ada], "test.call", target="test:hall", key="3", room="hall")
    actions.retract(told(target="test:hall", key="3"))
    pass_time()
    assert emails() == 0


def test_what_is_younger_waits(ada: User) -> None:
    call(ada)

    assert emails() == 0


def test_nothing_is_sent_twice(ada: User) -> None:
    call(ada)
    pass_time()

    assert [emails(), emails()] == [1, 0]
    pass_time(9 * 24)
    assert emails() == 0


def test_a_run_before_the_last_was_worked_off_enqueues_nothing_twice(ada: User) -> None:
    call(ada)
    pass_time()

    assert [enqueue_digests(), enqueue_digests()] == [1, 0]


def test_there_is_one_e_mail_a_day_at_most(ada: User) -> None:
    call(ada)
    pass_time()
    assert emails() == 1
    call(ada)
    Notification.objects.filter(mailed_at=None).update(created_at=F("created_at") - digest.WAIT)

    pass_time(1)
    assert emails() == 0
    pass_time()
    assert emails() == 1


def test_what_is_read_or_deleted_is_left_out(ada: User) -> None:
    for _ in range(2):
        call(ada)
    one, two = of(ada.pk)
    actions.mark_read(ada, one.pk)
    actions.delete(ada, two.pk)
    pass_time()

    assert emails() == 0


def test_what_is_quiet_or_turned_off_meanwhile_is_left_out(ada: User) -> None:
    notify([ada], "test.rumour", rumour="it rains")
    call(ada)
    actions.set_preference(ada, "test.call", Level.QUIET)
    pass_time()

    assert emails() == 0


def test_whoever_wants_no_e_mail_gets_none(ada: User) -> None:
    call(ada)
    actions.set_digest(ada, False)
    pass_time()

    assert emails() == 0


def test_an_address_that_nobody_confirmed_gets_none(bob: User) -> None:
    EmailAddress.objects.create(user=bob, email=bob.email, primary=True, verified=False)
    call(bob)
    pass_time()

    assert emails() == 0


def test_whoever_is_deactivated_gets_none(ada: User) -> None:
    call(ada)
    User.objects.filter(pk=ada.pk).update(is_active=False)
    pass_time()

    assert emails() == 0


def test_of_very_many_only_some_are_named(ada: User) -> None:
    for _ in range(SHOWN + 3):
        call(ada)
    pass_time()
    emails()

    assert mail.outbox[0].body.count("called from") == SHOWN
    assert "and 3 more" in mail.outbox[0].body


def test_what_could_not_be_sent_is_tried_again(
    ada: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    EmailAddress.objects.create(user=bob, email=bob.email, primary=True, verified=True)
    call(ada)
    call(bob)
    pass_time()
    tried = []

    def refuse(backend: EmailBackend, messages: list[EmailMessage]) -> int:
        tried.extend(messages[0].to)
        if messages[0].to == [ada.email]:
            raise OSError("the mail server is away")
        return 1

    with monkeypatch.context() as patched:
        patched.setattr(EmailBackend, "send_messages", refuse)
        emails()
        assert sorted(tried) == [ada.email, bob.email]
        assert enqueue_digests() == 0  # hers waits to be tried again
    pass_time(1)
    run_due()

    assert [message.to for message in mail.outbox] == [[ada.email]]


@pytest.mark.django_db(transaction=True)
def test_two_who_send_at_the_same_moment_send_once(
    ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    call(ada)
    pass_time()
    both_are_there, claim = Barrier(2, timeout=20), digest._claim

    def claim_together(*args: object) -> list[Notification]:
        both_are_there.wait()
        return claim(*args)  # type: ignore[arg-type]  # what `send_digest` gives it

    monkeypatch.setattr(digest, "_claim", claim_together)

    def work() -> None:
        try:
            send_digest.call(ada.pk)
        finally:
            connections.close_all()

    threads = [Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(mail.outbox) == 1


def test_the_command_enqueues_what_is_due(ada: User) -> None:
    call(ada)
    pass_time()
    said = StringIO()

    call_command("send_digest", stdout=said)

    assert said.getvalue() == "Enqueued 1 e-mails.\n"
    assert unfinished(send_digest).get().args == [ada.pk]
