"""Serve the project as in production, with the ASGI server that it was made for."""

import errno
import os
import socket
from argparse import ArgumentParser
from contextlib import suppress
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from realtime.servers.workers import serve_here, supervise

LAST_PORT = 65_535


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default=settings.HOST)
        parser.add_argument("--port", type=int, default=settings.PORT)

    def handle(self, *, host: str, port: int, **options: Any) -> None:  # Any: Django's signature
        raise_file_limit()
        host = host.strip("[]")  # in which URLs have an address of IPv6
        listener = listen(host, port)
        processes = settings.WEB_CONCURRENCY
        self.stdout.write(
            f"{settings.SITE_NAME} on {settings.ASGI_SERVER}, {processes} "
            f"{'process' if processes == 1 else 'processes'}: http://{place(host, port)}/"
        )
        self.stdout.flush()
        if processes == 1:
            serve_here(listener)
        else:
            with TemporaryDirectory(prefix="metrics-") as folder:
                os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder  # read where a worker imports it
                supervise(listener, processes)


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
    """A listening socket; at `::`, one that takes IPv4 too.

    Raises:
        CommandError: the address cannot be used.
    """
    if not 0 < port <= LAST_PORT:
        raise CommandError(f"{port} is no port: give a number from 1 to {LAST_PORT}.")
    both = host == "::" and socket.has_dualstack_ipv6()
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server(
            (host, port), family=family, backlog=2048, dualstack_ipv6=both
        )
    except (OSError, UnicodeError) as error:
        raise CommandError(f"Nothing can listen on {place(host, port)}: {_reason(error)}") from None
    listener.set_inheritable(True)
    return listener


def place(host: str, port: int) -> str:
    """Host and port as a URL has them."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _reason(error: Exception) -> str:
    match getattr(error, "errno", None):
        case errno.EADDRINUSE:
            return "it is in use. Stop what uses it, or choose another with PORT=."
        case errno.EACCES:
            return "this user may not use ports below 1024. Choose another with PORT=."
        case _:
            return (
                "the host is no address of this machine. "
                "Give one with HOST=, such as 127.0.0.1, or :: for all."
            )
