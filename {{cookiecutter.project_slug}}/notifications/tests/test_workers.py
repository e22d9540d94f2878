"""The digests by `manage.py runworker`: over a real layer, and by two workers at once."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from io import StringIO
from pathlib import Path
from threading import Barrier, Thread
from urllib.parse import quote

import pytest
from allauth.account.models import EmailAddress
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from channels.routing import get_default_application
from channels.testing import ApplicationCommunicator
from django.conf import settings
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import connection, connections
from django.utils import timezone
from redis import Redis

from accounts.models import User
from notifications import digest
from notifications.actions import notify
from notifications.digest import send_digests
from notifications.models import Notification

pytestmark = pytest.mark.django_db(transaction=True)

CHANNEL = "notifications.digest"
WAKE = {"type": "send.digests"}
WORKER_SECONDS = 20
WROTE = re.compile(r"Digests: wrote to (\d+) people, failed for 0\.")


@pytest.fixture
def due(ada: User) -> Notification:
    """What Ada should have an e-mail about."""
    EmailAddress.objects.create(user=ada, email=ada.email, primary=True, verified=True)
    notify([ada], "test.call", room="hall")
    Notification.objects.update(created_at=timezone.now() - timedelta(days=2))
    return Notification.objects.get()


async def test_a_message_on_the_channel_sends_the_digests(due: Notification) -> None:
    scope = {"type": "channel", "channel": CHANNEL}
    worker = ApplicationCommunicator(get_default_application(), scope)

    await worker.send_input(WAKE)
    await until(lambda: mail.outbox)
    worker.stop()

    assert [message.to for message in mail.outbox] == [["ada@example.com"]]


def test_two_who_send_at_the_same_moment_send_once(
    due: Notification, monkeypatch: pytest.MonkeyPatch
) -> None:
    both_found_it, claim = Barrier(2, timeout=20), digest._claim

    def claim_together(*args: object) -> list[Notification]:
        both_found_it.wait()
        return claim(*args)  # type: ignore[arg-type]  # what `send_digests` gives it

    monkeypatch.setattr(digest, "_claim", claim_together)
    sent = []

    def work() -> None:
        try:
            sent.append(send_digests().people)
        finally:
            connections.close_all()

    threads = [Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(sent) == [0, 1]
    assert len(mail.outbox) == 1


@pytest.mark.redis
def test_two_workers_hear_a_message_and_one_of_them_writes(
    due: Notification, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        logs = [stack.enter_context(running_worker(tmp_path, str(n))) for n in range(2)]
        async_to_sync(get_channel_layer().send)(CHANNEL, WAKE)
        async_to_sync(until)(lambda: all(WROTE.search(log.read_text()) for log in logs))

    assert sorted(WROTE.findall("".join(log.read_text() for log in logs))) == ["0", "1"]
    (email,) = (tmp_path / "mail").iterdir()
    assert "To: ada@example.com" in email.read_text()
    due.refresh_from_db()
    assert due.mailed_at is not None


@pytest.mark.embedded
def test_a_worker_that_no_message_can_reach_says_so() -> None:
    with pytest.raises(CommandError, match="Set REDIS_URL"):
        call_command("runworker", CHANNEL, stdout=StringIO())


@contextmanager
def running_worker(folder: Path, name: str) -> Iterator[Path]:
    """A worker process that listens; its log. Told to stop, it must end in order."""
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": database_url(),
        "EMAIL_URL": f"filemail:///{folder / 'mail'}",
        "LOG_FORMAT": "line",
    }
    log = folder / f"worker-{name}.log"
    with log.open("w") as output, Redis.from_url(settings.REDIS_URL) as redis:
        ((_, before),) = redis.pubsub_numsub(CHANNEL)
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "manage.py", "runworker", CHANNEL],
            cwd=settings.BASE_DIR,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            async_to_sync(until)(
                lambda: process.poll() is not None or redis.pubsub_numsub(CHANNEL)[0][1] > before
            )
            yield log
        finally:
            process.terminate()
            assert process.wait(WORKER_SECONDS) == 0, log.read_text()


def database_url() -> str:
    """The address of this test's database."""
    parts = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{parts['NAME']}"
    user, password, host = (quote(parts[part], safe="") for part in ("USER", "PASSWORD", "HOST"))
    return f"postgres://{user}:{password}@{host}:{parts['PORT']}/{parts['NAME']}"


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(WORKER_SECONDS):
        while not condition():
            await asyncio.sleep(0.02)
