"""`manage.py send_digest`: for cron, once an hour or once a day; more often does no harm."""

from typing import Any

from django.core.management.base import BaseCommand

from notifications.digest import enqueue_digests


class Command(BaseCommand):
    help = "Have people e-mailed what they have not read for a day. Sends nothing twice."

    def handle(self, **options: Any) -> None:  # Any: Django's own
        self.stdout.write(f"Enqueued {enqueue_digests():,} e-mails.")
