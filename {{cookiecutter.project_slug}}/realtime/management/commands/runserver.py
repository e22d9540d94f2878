"""The development server: daphne with reloading, lent to the engine as in production."""

from daphne.management.commands.runserver import Command as DaphneCommand

from realtime.servers.daphne import Server


class Command(DaphneCommand):
    server_cls = Server
