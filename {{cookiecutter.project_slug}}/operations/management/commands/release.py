"""Check the environment, then migrate the database.

Run it once for each version of the site, before its processes start. It prints each error in a
line, and then changes nothing.
"""

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from operations import preflight


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = []  # `preflight` runs them, those for deployment included

    def handle(self, **options: Any) -> None:  # Any: Django's signature
        if errors := list(preflight.errors()):
            raise CommandError("\n".join(errors))
        call_command("migrate", interactive=False, verbosity=options["verbosity"])
