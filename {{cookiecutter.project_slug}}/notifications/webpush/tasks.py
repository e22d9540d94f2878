"""Pushing: one task for each notification and browser, enqueued with the notification."""

import logging
from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.dispatch import receiver

from notifications.actions import notified
from notifications.models import UNREAD, Notification
from notifications.webpush.keys import is_configured
from notifications.webpush.messages import encrypted, headers_for, message_of
from notifications.webpush.models import Subscription
from realtime.posting import BadAddress, post
from realtime.sessions import verified_sessions
from realtime.tasks import RetryLater, TaskResultStatus, enqueue_many, task, unfinished

logger = logging.getLogger(__name__)

WAITING_PER_BROWSER = 50


@task
def push(subscription_id: int, notification_id: int) -> None:
    """Push a notification to a browser, as long as it is unread and its person signed in there."""
    subscription = Subscription.objects.filter(pk=subscription_id).first()
    if subscription is None:
        return
    (signed_in,) = verified_sessions([subscription.session_key])
    if signed_in is None or signed_in.user.pk != subscription.user_id:
        subscription.delete()
        return
    unread = Notification.objects.filter(UNREAD, recipient=subscription.user_id, quiet=False)
    notification = unread.select_related("actor").filter(pk=notification_id).first()
    if notification is not None:
        _push(subscription, notification)


@receiver(notified)
def enqueue(notifications: Sequence[Notification], **kwargs: Any) -> None:  # Any: a signal's
    """Enqueue what is to be pushed to the browsers of these notifications' people."""
    if not is_configured():
        return
    by_recipient: dict[int, list[int]] = {}
    for notification in notifications:
        by_recipient.setdefault(notification.recipient_id, []).append(notification.pk)
    browsers = Subscription.objects.filter(user__in=by_recipient).values_list("pk", "user")
    calls = [(pk, each) for pk, user in browsers for each in by_recipient[user]]
    if calls:
        waiting = _waiting({browser for browser, _ in calls}, set(calls))
        enqueue_many(push, _bounded(calls, waiting))


def _push(subscription: Subscription, notification: Notification) -> None:
    body = encrypted(subscription, message_of(notification))
    headers = headers_for(subscription, f"n{notification.pk}")
    try:
        answer = post(subscription.endpoint, body, headers)
    except BadAddress:
        subscription.delete()
        return
    match answer.status:
        case status if 200 <= status < 300:
            pass
        case 404 | 410:
            subscription.delete()
        case 400 | 413:
            logger.error("A push service refuses what it is sent: %s", answer)
        case status:
            raise RetryLater(f"The push service answered {status}.", answer.retry_after or 0)


def _waiting(browsers: set[int], calls: set[tuple[int, int]]) -> Counter[int]:
    """How much waits for each browser, without what would push one of these `calls` again."""
    rows = unfinished(push).filter(args__0__in=list(browsers))
    waiting: Counter[int] = Counter()
    replaced = []
    for pk, args, status in rows.values_list("pk", "args", "status"):
        if status == TaskResultStatus.READY and tuple(args) in calls:
            replaced.append(pk)
        else:
            waiting[args[0]] += 1
    rows.filter(pk__in=replaced, status=TaskResultStatus.READY).delete()
    return waiting


def _bounded(calls: list[tuple[int, int]], waiting: Counter[int]) -> list[tuple[int, int]]:
    kept = []
    for call in calls:
        waiting[call[0]] += 1
        if waiting[call[0]] <= WAITING_PER_BROWSER:
            kept.append(call)
    return kept
