"""`manage.py send_pushes`: for cron, every few minutes; sends what a process left behind."""

from typing import Any

from django.core.management.base import BaseCommand

from notifications.webpush.queue import send_due


class Command(BaseCommand):
    help = "Send what is due to browsers. Serving processes do so by themselves while they live."

    def handle(self, **options: Any) -> None:  # Any: Django's own
        send_due()
