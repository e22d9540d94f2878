"""The e-mail about what stayed unread: at most one a day, and about nothing twice."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
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
from notifications.models import UNREAD, Inbox, Notification
from notifications.queries import Levels, in_chunks

logger = logging.getLogger(__name__)

WAIT = timedelta(days=1)
PAUSE = timedelta(hours=20)  # between two e-mails: a daily cron job is not always on the second
SHOWN = 10  # in one e-mail; the rest is a number


@dataclass
class Sent:
    """What one run did."""

    people: int = 0
    failed: int = 0


def send_digests(now: datetime | None = None) -> Sent:
    """E-mail everyone who wants it what they have not read for `WAIT`.

    Each row is claimed, in a transaction, before its e-mail goes out: run twice, or by two at once,
    it sends once. A row whose e-mail could not be handed over is given back for the next run; one
    whose process died in between has been claimed, and is not sent again.
    """
    now = now or timezone.now()
    sent = Sent()
    for user, email in _people(now):
        rows = _claim(user, now)
        if not rows:
            continue
        try:
            _send(user, email, rows)
            sent.people += 1
        except Exception as error:  # each mail backend fails in its own way; the others go out
            logger.error("The digest of user %s could not be sent: %s", user.pk, error)
            _give_back(user, rows)
            sent.failed += 1
    return sent


def _people(now: datetime) -> Iterator[tuple[User, str]]:
    """Those with something due and a confirmed address, who want an e-mail."""
    recipients = _due(now).order_by().values_list("recipient", flat=True).distinct()
    for chunk in in_chunks(list(recipients)):
        addresses = EmailAddress.objects.filter(
            user__in=_ready(now).filter(user__in=chunk).values("user"),
            user__is_active=True,
            primary=True,
            verified=True,
        )
        for address in addresses.select_related("user").order_by("user"):
            yield address.user, address.email


def _claim(user: User, now: datetime) -> list[Notification]:
    """Mark what is due as e-mailed; return what of it the person still wants, the latest first."""
    with transaction.atomic():
        inbox = _ready(now).select_for_update(no_key=True).filter(user=user).first()
        if inbox is None:  # another run was faster
            return []
        due = list(_due(now).filter(recipient=user).select_related("actor").order_by("-seq"))
        Notification.objects.filter(pk__in=[row.pk for row in due]).update(mailed_at=now)
        rows = [row for row in due if _is_wanted(row)]
        if rows:
            Inbox.objects.filter(user=user).update(mailed_at=now)
    return rows


def _give_back(user: User, rows: list[Notification]) -> None:
    Notification.objects.filter(pk__in=[row.pk for row in rows]).update(mailed_at=None)
    Inbox.objects.filter(user=user).update(mailed_at=None)


def _ready(now: datetime) -> QuerySet[Inbox]:
    """The inboxes of those who want an e-mail, and did not get one only just now."""
    long_ago = Q(mailed_at=None) | Q(mailed_at__lte=now - PAUSE)
    return Inbox.objects.filter(long_ago, digest=True)


def _due(now: datetime) -> QuerySet[Notification]:
    return Notification.objects.filter(
        UNREAD, mailed_at=None, quiet=False, created_at__lt=now - WAIT
    )


def _is_wanted(row: Notification) -> bool:
    levels = Levels([row.recipient_id], [row.kind], [row.target])
    return levels.of(row.recipient_id, kind_of(row), row.target) == Level.EVERYTHING


def _send(user: User, email: str, rows: list[Notification]) -> None:
    subject, _, body = render_to_string(
        "notifications/digest.txt",
        {
            "user": user,
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
