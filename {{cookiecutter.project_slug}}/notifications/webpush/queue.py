"""What is on its way to browsers: written down with the notification, sent later, and again."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

from django.db import transaction
from django.db.models import Count, F
from django.utils import timezone

from notifications.models import Notification
from notifications.models.notification import UNREAD
from notifications.webpush import worker
from notifications.webpush.endpoints import Answer, BadEndpoint, Unreachable, post
from notifications.webpush.keys import is_configured
from notifications.webpush.messages import encrypted, headers_for, message_of
from notifications.webpush.models import Delivery, Subscription
from realtime.sessions import verified_sessions

logger = logging.getLogger(__name__)

WAITING_PER_BROWSER = 50
BATCH = 20
SENDERS = 8
CLAIM = timedelta(minutes=2)  # longer than a batch can take; then whoever claimed it has died
ATTEMPTS = 6
FIRST_RETRY = timedelta(seconds=30)  # then four times as long each time: 2 hours in all
LONGEST_RETRY = timedelta(hours=1)

Outcome = Answer | BadEndpoint | Unreachable


def enqueue(notifications: Sequence[Notification]) -> None:
    """Write down what is to be sent to the browsers of these notifications' people."""
    if not is_configured():
        return
    by_recipient: dict[int, list[int]] = {}
    for notification in notifications:
        by_recipient.setdefault(notification.recipient_id, []).append(notification.pk)
    subscriptions = (
        Subscription.objects.filter(user__in=by_recipient)
        .annotate(waiting=Count("deliveries"))
        .filter(waiting__lt=WAITING_PER_BROWSER)
    )
    deliveries = [
        Delivery(subscription_id=pk, notification=notification_id)
        for pk, user in subscriptions.values_list("pk", "user")
        for notification_id in by_recipient[user]
    ]
    if deliveries:
        Delivery.objects.bulk_create(
            deliveries,
            update_conflicts=True,
            unique_fields=["subscription", "notification"],
            update_fields=["attempts", "due_at"],
        )
        transaction.on_commit(partial(worker.wake, send_due))


def send_due() -> float | None:
    """Send what is due; return in how many seconds something is due again, None for nothing."""
    while batch := _claim():
        _send(batch)
    next_due = Delivery.objects.order_by("due_at").values_list("due_at", flat=True).first()
    return None if next_due is None else max(0, (next_due - timezone.now()).total_seconds())


def _claim() -> list[Delivery]:
    """Some deliveries that are due, which nobody else takes for a while."""
    now = timezone.now()
    with transaction.atomic():
        due = Delivery.objects.select_for_update(skip_locked=True).filter(due_at__lte=now)
        claimed = list(due.order_by("due_at")[:BATCH])
        ids = [delivery.pk for delivery in claimed]
        Delivery.objects.filter(pk__in=ids).update(due_at=now + CLAIM, attempts=F("attempts") + 1)
    return list(Delivery.objects.filter(pk__in=ids).select_related("subscription"))


def _send(deliveries: list[Delivery]) -> None:
    ready = _ready(deliveries)
    with ThreadPoolExecutor(SENDERS, "web-push") as senders:
        outcomes = list(senders.map(_post, ready))
    for (delivery, _), outcome in zip(ready, outcomes, strict=True):
        _settle(delivery, outcome)


def _ready(deliveries: list[Delivery]) -> list[tuple[Delivery, bytes]]:
    """What to post where; deliveries of which there is nothing to tell any more are dropped."""
    sessions = verified_sessions([delivery.subscription.session_key for delivery in deliveries])
    ids = [delivery.notification for delivery in deliveries]
    unread = Notification.objects.filter(UNREAD, pk__in=ids).select_related("actor").in_bulk()
    ready = []
    for delivery, signed_in in zip(deliveries, sessions, strict=True):
        subscription = delivery.subscription
        if signed_in is None or signed_in.user.pk != subscription.user_id:
            subscription.delete()
        elif delivery.notification not in unread:
            delivery.delete()
        else:
            message = message_of(unread[delivery.notification])
            ready.append((delivery, encrypted(subscription, message)))
    return ready


def _post(ready: tuple[Delivery, bytes]) -> Outcome:
    delivery, body = ready
    headers = headers_for(delivery.subscription, f"n{delivery.notification}")
    try:
        return post(delivery.subscription.endpoint, body, headers)
    except (BadEndpoint, Unreachable) as error:
        return error


def _settle(delivery: Delivery, outcome: Outcome) -> None:
    match outcome:
        case Answer(status=status) if 200 <= status < 300:
            delivery.delete()
        case BadEndpoint() | Answer(status=404 | 410):
            delivery.subscription.delete()
        case Answer(status=400 | 413):
            logger.error("A push service refuses what it is sent: %s", outcome)
            delivery.delete()
        case _:
            _retry(delivery, outcome)


def _retry(delivery: Delivery, outcome: Outcome) -> None:
    logger.warning("A push was not taken, attempt %d: %s", delivery.attempts, outcome)
    if delivery.attempts >= ATTEMPTS:
        delivery.delete()
        return
    wait = min(FIRST_RETRY * 4 ** (delivery.attempts - 1), LONGEST_RETRY)
    if isinstance(outcome, Answer) and outcome.retry_after:
        wait = max(wait, min(timedelta(seconds=outcome.retry_after), LONGEST_RETRY))
    Delivery.objects.filter(pk=delivery.pk).update(due_at=timezone.now() + wait)
