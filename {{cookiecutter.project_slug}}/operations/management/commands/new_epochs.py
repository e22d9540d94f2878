"""Give every numbered history a new epoch, after the database was restored to an earlier state.

Clients resume from the last number they have seen. After a restore the same numbers are given to
other changes, so clients must not resume from what they hold: a new epoch makes them start over.
"""

from typing import Any
from uuid import uuid4

from django.apps import apps
from django.core.management.base import BaseCommand
from django.db import transaction

from realtime.feeds.models import Feed


class Command(BaseCommand):
    help = __doc__

    @transaction.atomic
    def handle(self, **options: Any) -> None:  # Any: Django's signature
        for model in apps.get_models():
            if issubclass(model, Feed):
                changed = model._base_manager.update(epoch=uuid4())
                self.stdout.write(f"{model._meta.label}: {changed} begin anew")
