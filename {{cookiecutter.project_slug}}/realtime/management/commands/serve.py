"""Serve the project as in production, with the ASGI server that it was made for."""

import os
import socket
from argparse import ArgumentParser
from contextlib import suppress
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from realtime.servers.workers import Supervisor, serve_here


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default=os.environ.get("HOST", "127.0.0.1"))
        parser.add_argument("--port", type=int, default=int(os.environ.get("PORT", "8000")))

    def handle(self, *, host: str, port: int, **options: Any) -> None:  # Any: Django's signature
        raise_file_limit()
        listener = listen(host, port)
        processes = settings.WEB_CONCURRENCY
        self.stdout.write(
            f"{settings.SITE_NAME} on {settings.ASGI_SERVER}, {processes} "
            f"{'process' if processes == 1 else 'processes'}: http://{host}:{port}/"
        )
        self.stdout.flush()
        if processes == 1:
            serve_here(listener)
        else:
            with TemporaryDirectory(prefix="metrics-") as folder:
                os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder  # read where a worker imports it
                Supervisor(listener, processes).run()


def raise_file_limit() -> None:
    """Let this process and its workers open as many files, and so sockets, as they may."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # the system allows less than it reports
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        CommandError: the address cannot be used.
    """
    try:
        listener = socket.create_server((host, port), backlog=2048)
    except OSError as error:
        raise CommandError(
            f"Nothing can listen on {host}:{port}: {error.strerror}. "
            "Stop what uses it, or choose another with PORT=."
        ) from None
    listener.set_inheritable(True)
    return listener
