"""The development server: daphne with reloading, lent to the engine as in production."""

from typing import Any

from daphne.management.commands.runserver import Command as DaphneCommand

from realtime.servers import daphne


class Command(DaphneCommand):
    def server_cls(self, **options: Any) -> daphne.Server:  # Any: untyped in daphne
        return daphne.server(**options)
