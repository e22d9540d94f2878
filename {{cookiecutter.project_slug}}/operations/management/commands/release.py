"""Look at the surroundings, then bring the database up to date.

Once for each version of the site, before its processes start. What is missing is said in a line
each, and then nothing is changed.
"""

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from operations.surroundings import faults


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = []  # `faults` runs them, for deployment

    def handle(self, **options: Any) -> None:  # Any: Django's signature
        if found := list(faults()):
            raise CommandError("\n".join(found))
        call_command("migrate", interactive=False, verbosity=options["verbosity"])
