"""The inbox's row lock, which makes the order of numbers the order of commits."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import transaction

from accounts.models import User
from notifications.models import Inbox
from realtime.protocol import ErrorCode, Refusal


@contextmanager
def locked(user_ids: Sequence[int]) -> Iterator[dict[int, Inbox]]:
    """A transaction that holds the inboxes of some people; gives them by the person's id.

    Those who do not exist or are deactivated are left out; whoever is in stays until the commit,
    because the person's own row is locked too. Rows are locked in the order of their keys, so that
    two who want the same ones never wait for each other. SQLite has one writer at a time and needs
    no row locks, but its transactions must begin as writers: `transaction_mode` in the settings.
    """
    with transaction.atomic():
        people = User.objects.select_for_update(no_key=True).filter(pk__in=user_ids, is_active=True)
        present = list(people.order_by("pk").values_list("pk", flat=True))
        inboxes = Inbox.objects.select_for_update(no_key=True).filter(user__in=present)
        found = {inbox.pk: inbox for inbox in inboxes.order_by("pk")}
        missing = [pk for pk in present if pk not in found]
        made = Inbox.objects.bulk_create(Inbox(user_id=pk) for pk in missing)
        yield found | {inbox.pk: inbox for inbox in made}


@contextmanager
def locked_one(user_id: int) -> Iterator[Inbox]:
    """The same for one person. What changes in the inbox is saved at the end.

    Raises:
        Refusal: `not_found`, the person is gone.
    """
    with transaction.atomic():
        inbox = Inbox.objects.select_for_update(no_key=True).filter(user=user_id).first()
        if inbox is None:
            inbox = _make_one(user_id)
        last_rev = inbox.last_rev
        yield inbox
        if inbox.last_rev != last_rev:
            save(inbox)


def save(inbox: Inbox) -> None:
    inbox.save(update_fields=["last_rev", "unread", "read_rev"])


def hold(instance: User, **kwargs: Any) -> None:  # Any: a signal sends what it likes
    """Lock somebody who is about to be deleted, so that nobody tells them anything meanwhile."""
    list(User.objects.select_for_update().filter(pk=instance.pk))


def next_rev(inbox: Inbox) -> int:
    """The number for one change to the notifications of an inbox that is locked."""
    inbox.last_rev += 1
    return inbox.last_rev


def inbox_of(user_id: int) -> Inbox:
    """The person's inbox, made when it is first asked for.

    Raises:
        Refusal: `not_found`, the person is gone.
    """
    return Inbox.objects.filter(user=user_id).first() or _make_one(user_id)


def _make_one(user_id: int) -> Inbox:
    with locked([user_id]) as inboxes:
        if not inboxes:
            raise Refusal(ErrorCode.NOT_FOUND, "This person is gone.")
        return inboxes[user_id]
