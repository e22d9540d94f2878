"""What becomes of people: told to the apps that show them, whatever door the change comes through.

`User` and its querysets send these signals whenever they are saved, updated or deleted, so that the
admin, a form, a command and a shell have the same consequences. Raw SQL sends nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.dispatch import Signal

from accounts.names import look

people_changing = Signal()
"""Sent with `user_ids` in the transaction, before the change. Lock here what is locked before
people, such as feeds, so that two transactions never wait for each other."""

person_changed = Signal()
"""Sent with `user` and `fields`, those of `SHOWN_FIELDS` that have changed, in the transaction."""

people_leaving = Signal()
"""Sent with `users` in the transaction that deletes them, before it does."""

SHOWN_FIELDS = ("username", "display_name", "color", "portrait", "is_active")
"""What others see of a person."""


@contextmanager
def changing(people: QuerySet[Any]) -> Iterator[None]:  # Any: the user model imports this
    """A transaction that changes `people`; afterwards `person_changed` is sent for each.

    Raises:
        IntegrityError: somebody else goes by a name that looks the same.
    """
    with transaction.atomic():
        before = {pk: shown for pk, *shown in people.values_list("pk", *SHOWN_FIELDS)}
        people_changing.send(people.model, user_ids=set(before))
        yield
        for user in people.model.objects.filter(pk__in=before).order_by("pk"):
            values = zip(SHOWN_FIELDS, before[user.pk], strict=True)
            fields = {name for name, value in values if getattr(user, name) != value}
            if user.look != look(user.name):  # `update` knows only the fields that it is given
                people.model.objects.filter(pk=user.pk).update(look=look(user.name))
            if fields:
                person_changed.send(people.model, user=user, fields=fields)
