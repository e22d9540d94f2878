"""`manage.py send_digest`: for cron, once an hour or once a day; more often does no harm."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from notifications.digest import send_digests


class Command(BaseCommand):
    help = "E-mail people what they have not read for a day. Sends nothing twice."

    def handle(self, **options: Any) -> None:  # Any: Django's own
        sent = send_digests()
        self.stdout.write(f"Wrote to {sent.people:,} people.")
        if sent.failed:
            raise CommandError(
                f"{sent.failed:,} could not be sent, see the log; the next run tries again."
            )
