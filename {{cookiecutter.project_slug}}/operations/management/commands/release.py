"""Check the environment, then migrate the database, and bring what is bound up to date.

Run it once for each version of the site, before its processes start. It prints each error in a
line, and then changes nothing.
"""

from typing import Any

from django.core.checks import WARNING, run_checks
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from operations.checks import UNMIGRATED


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = []  # it runs them, those for deployment included

    def handle(self, **options: Any) -> None:  # Any: Django's signature
        found = run_checks(include_deployment_checks=True)
        errors = [
            f"{check.msg} {check.hint or ''}".strip()
            for check in found
            if check.level >= WARNING and not check.is_silenced() and check.id != UNMIGRATED
        ]
        if errors:
            raise CommandError("\n".join(errors))
        call_command("migrate", interactive=False, verbosity=options["verbosity"])
        call_command("sync_bindings")
