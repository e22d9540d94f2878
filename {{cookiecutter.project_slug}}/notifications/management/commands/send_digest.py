"""`manage.py send_digest`: for cron, once an hour or once a day; more often does no harm."""

from typing import Any

from django.core.management.base import BaseCommand

from notifications.digest import enqueue_digests
from realtime.progress import progress


class Command(BaseCommand):
    help = "Have people e-mailed what they have not read for a day. Sends nothing twice."

    def handle(self, **options: Any) -> None:  # Any: Django's own
        with progress(self.stderr, "people") as advance:
            count = enqueue_digests(advance)
        self.stdout.write(f"Enqueued {count:,} e-mails.")
