"""`manage.py sync_bindings`: after a deployment, after a bulk change, and for cron once a day."""

from typing import Any

from django.core.management.base import BaseCommand

from realtime.feeds.binding import bindings, in_chunks
from realtime.progress import progress


class Command(BaseCommand):
    help = "Compare the streams of all bindings with the rows that they show, and repair them."

    def handle(self, **options: Any) -> None:  # Any: Django's signature
        for stream, binding in bindings.items():
            keys = binding.keys()
            repaired = 0
            with progress(self.stderr, f"rows of {stream}") as advance:
                for chunk in in_chunks(keys):
                    repaired += binding.sync(chunk)
                    advance(len(chunk), len(keys))
            binding.prune()
            self.stdout.write(f"Repaired {repaired:,} of {len(keys):,} rows of {stream}.")
