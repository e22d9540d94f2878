"""A thread that works off a queue while there is something in it.

Each process that puts something into the queue has its own. What a process leaves behind is taken
up by the next one that puts something in, or by `manage.py send_pushes`.
"""

import logging
import threading
from collections.abc import Callable

from django.db import close_old_connections, connections

logger = logging.getLogger(__name__)

FAULT_SECONDS = 30

Work = Callable[[], float | None]

_lock = threading.Lock()
_running: threading.Thread | None = None
_again = False
_alarm: threading.Timer | None = None


def wake(work: Work) -> None:
    """Have `work` done soon, and again after the seconds that it returns."""
    global _running, _again
    with _lock:
        _again = True
        if _running is None:
            _running = threading.Thread(target=_run, args=[work], name="web-push", daemon=True)
            _running.start()


def _run(work: Work) -> None:
    global _running, _again
    try:
        while True:
            with _lock:
                if not _again:
                    _running = None
                    return
                _again = False
            _set_alarm(work, _work(work))
    finally:
        connections.close_all()


def _work(work: Work) -> float | None:
    try:
        close_old_connections()
        return work()
    except Exception:
        logger.exception("Pushing failed")
        return FAULT_SECONDS


def _set_alarm(work: Work, seconds: float | None) -> None:
    global _alarm
    if _alarm is not None:
        _alarm.cancel()
    _alarm = None
    if seconds is not None:
        _alarm = threading.Timer(seconds, wake, [work])
        _alarm.daemon = True
        _alarm.start()
