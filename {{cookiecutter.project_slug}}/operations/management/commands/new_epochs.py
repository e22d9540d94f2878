"""Give every numbered history a new epoch, after the database was restored to an earlier state.

Clients resume from the last number they have seen. After a restore the same numbers are given to
other changes, so clients must not resume from what they hold: a new epoch makes them start over.
"""

from typing import Any
from uuid import uuid4

from django.apps import apps
from django.core.management.base import BaseCommand
from django.db import transaction
from django.db.models import Field, UUIDField


class Command(BaseCommand):
    help = __doc__

    @transaction.atomic
    def handle(self, **options: Any) -> None:  # Any: Django's signature
        for model in apps.get_models():
            if any(_is_epoch(field) for field in model._meta.fields):
                changed = model._base_manager.update(epoch=uuid4())
                self.stdout.write(f"{model._meta.label}: {changed} begin anew")


def _is_epoch(field: "Field[Any, Any]") -> bool:  # Any: of any column
    return field.name == "epoch" and isinstance(field, UUIDField)
