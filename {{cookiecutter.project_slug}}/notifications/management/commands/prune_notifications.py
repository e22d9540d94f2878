"""`manage.py prune_notifications`, for cron once a day."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from notifications.actions import prune
from realtime.progress import progress

DAYS = 90


class Command(BaseCommand):
    help = "Delete the rows of notifications that were read or deleted long ago."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--days", type=int, default=DAYS, help=f"how long ago, by default {DAYS}"
        )

    def handle(self, *, days: int, **options: Any) -> None:  # Any: Django's signature
        with progress(self.stderr, "people") as advance:
            dropped = prune(timezone.now() - timedelta(days=days), advance)
        self.stdout.write(f"Dropped {dropped:,} notifications.")
