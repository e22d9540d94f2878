"""Mail that a thread sends, so that no request waits for the mail server."""

import atexit
import logging
from collections.abc import Sequence
from functools import cache
from queue import Full, Queue
from threading import Thread

from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend

logger = logging.getLogger(__name__)

WAITING_MAILS = 100
LAST_SECONDS = 5.0  # how long a process that ends waits for its mails

_waiting: Queue[EmailMessage] = Queue(WAITING_MAILS)


class BackgroundBackend(BaseEmailBackend):
    """Hands mails to the thread, which sends them through settings.EMAIL_BACKEND.

    While the mail server is away, `WAITING_MAILS` wait and further ones are dropped. Neither raises
    nor logs an error, since errors are mailed too.
    """

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        _start()
        for position, message in enumerate(email_messages):
            try:
                _waiting.put_nowait(message)
            except Full:
                logger.warning("A mail was dropped: %d wait for the mail server.", WAITING_MAILS)
                return position
        return len(email_messages)


def flush(seconds: float = LAST_SECONDS) -> bool:
    """Wait until the mails so far were sent; return whether they were, in this time."""
    with _waiting.all_tasks_done:
        return _waiting.all_tasks_done.wait_for(lambda: not _waiting.unfinished_tasks, seconds)


@cache
def _start() -> None:
    Thread(target=_send_all, name="mail", daemon=True).start()
    atexit.register(flush)


def _send_all() -> None:
    while True:
        message = _waiting.get()
        try:
            get_connection().send_messages([message])
        except Exception as error:
            logger.warning("A mail was not sent: %s: %s", type(error).__name__, error)
        finally:
            _waiting.task_done()
