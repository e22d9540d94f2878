"""The e-mail about what stayed unread: at most one a day, and about nothing twice."""

from datetime import datetime, timedelta

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import Q, QuerySet
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from notifications.kinds import Level, kind_of
from notifications.models import UNMAILED, UNREAD, Inbox, Notification
from notifications.queries import Levels, in_chunks
from realtime.progress import Advance, silently
from realtime.tasks import enqueue_many, task, unfinished

WAIT = timedelta(days=1)
PAUSE = timedelta(hours=20)  # between two e-mails: a daily cron job is not always on the second
SHOWN = 10  # in one e-mail; the rest is a number


def enqueue_digests(advance: Advance = silently) -> int:
    """Enqueue an e-mail to everyone who wants one about what they have not read for `WAIT`.

    Returns to how many. Those for whom one waits, to be tried again, get no second one.
    """
    now = timezone.now()
    recipients = list(_due(now).order_by().values_list("recipient", flat=True).distinct())
    count = 0
    for chunk in in_chunks(recipients):
        waiting = unfinished(send_digest).filter(args__0__in=chunk)
        busy = {args[0] for args in waiting.values_list("args", flat=True)}
        ready = _ready(now).filter(user__in=set(chunk) - busy).values("user")
        people = list(_addresses().filter(user__in=ready).values_list("user", flat=True))
        enqueue_many(send_digest, [(pk,) for pk in people])
        count += len(people)
        advance(len(chunk), len(recipients))
    return count


@task
def send_digest(user_id: int) -> None:
    """E-mail somebody what they have not read for `WAIT`.

    Each row is claimed, in a transaction, before the e-mail goes out: run twice, or by two at once,
    it sends once. Rows whose e-mail could not be handed over are given back for the next attempt;
    those whose process died in between have been claimed, and are not sent again.
    """
    address = _addresses().filter(user=user_id).select_related("user").first()
    rows = _claim(user_id, timezone.now()) if address else []
    if address is None or not rows:
        return
    try:
        _send(address.user, address.email, rows)
    except Exception:
        _give_back(user_id, rows)
        raise


def _addresses() -> QuerySet[EmailAddress]:
    found: QuerySet[EmailAddress] = EmailAddress.objects.filter(
        user__is_active=True, user__is_bot=False, primary=True, verified=True
    )
    return found


def _claim(user_id: int, now: datetime) -> list[Notification]:
    """Mark what is due as e-mailed; return what of it the person still wants, the latest first."""
    with transaction.atomic():
        inbox = _ready(now).select_for_update(no_key=True).filter(user=user_id).first()
        if inbox is None:  # another attempt was faster
            return []
        due = list(_due(now).filter(recipient=user_id).select_related("actor").order_by("-seq"))
        Notification.objects.filter(pk__in=[row.pk for row in due]).update(mailed_at=now)
        levels = Levels([user_id], {row.kind for row in due}, {row.target for row in due})
        rows = [
            row for row in due if levels.of(user_id, kind_of(row), row.target) == Level.EVERYTHING
        ]
        if rows:
            Inbox.objects.filter(user=user_id).update(mailed_at=now)
    return rows


def _give_back(user_id: int, rows: list[Notification]) -> None:
    Notification.objects.bulk_update(rows, ["mailed_at"])  # as it was when they were claimed
    Inbox.objects.filter(user=user_id).update(mailed_at=None)


def _ready(now: datetime) -> QuerySet[Inbox]:
    """The inboxes of those who want an e-mail, and did not get one only just now."""
    long_ago = Q(mailed_at=None) | Q(mailed_at__lte=now - PAUSE)
    return Inbox.objects.filter(long_ago, digest=True)


def _due(now: datetime) -> QuerySet[Notification]:
    return Notification.objects.filter(UNREAD, UNMAILED, quiet=False, created_at__lt=now - WAIT)


def _send(user: User, email: str, rows: list[Notification]) -> None:
    subject, _, body = render_to_string(
        "notifications/digest.txt",
        {
            "site_name": settings.SITE_NAME,
            "texts": [row.text for row in rows[:SHOWN]],
            "more": len(rows[SHOWN:]),
            "count": len(rows),
            "list_url": absolute(reverse("notifications:list")),
            "settings_url": absolute(reverse("notifications:settings")),
        },
    ).partition("\n")
    send_mail(subject.strip(), body.strip() + "\n", None, [email])


def absolute(path: str) -> str:
    """The whole address of a page of this site."""
    scheme = "https" if settings.SECURE_SSL_REDIRECT else "http"
    return f"{scheme}://{settings.DOMAIN_NAME}{path}"
