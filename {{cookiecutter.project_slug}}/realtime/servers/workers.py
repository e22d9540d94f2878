"""Several processes behind one listening socket, each started again when it dies."""

import gc
import logging
import multiprocessing
import os
import signal
import socket
import sys
from importlib import import_module
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from threading import Thread
from time import monotonic
from types import FrameType

import django
from django.conf import settings
from prometheus_client.multiprocess import mark_process_dead

logger = logging.getLogger(__name__)

STOP_SECONDS = 20.0  # more than the drain takes
POLL_SECONDS = 0.5
EARLY_SECONDS = 5.0  # a worker that fails within this time counts as not started
COLLECT_OBJECTS = 50_000  # new objects between collections: a socket's objects live long


def serve_here(listener: socket.socket) -> None:
    """Serve in this process until it is told to stop."""
    application = import_module(settings.ASGI_APPLICATION.rpartition(".")[0]).application
    gc.collect()
    gc.set_threshold(COLLECT_OBJECTS, 20, 20)
    gc.freeze()  # the code that was loaded stays, so later collections skip it
    # Before the first request, which may be long in coming. Imported here, since a spawned process
    # loads the apps, which models need, after this module.
    import_module("realtime.tasks.worker").start_in_web()
    import_module(f"realtime.servers.{settings.ASGI_SERVER}").run(application, listener)


def _work(listener: socket.socket) -> None:
    django.setup()
    Thread(target=_stop_with_parent, daemon=True).start()
    listener.set_inheritable(True)
    serve_here(listener)


def _stop_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


class Supervisor:
    """Keeps a number of workers alive, and on SIGTERM or SIGINT lets them drain."""

    def __init__(self, listener: socket.socket, processes: int) -> None:
        self._listener = listener
        self._processes = processes
        self._workers: dict[SpawnProcess, float] = {}
        self._stopping = False

    def run(self) -> None:
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, self._stop)
        for _ in range(self._processes):
            self._start()
        while not self._stopping:
            wait([worker.sentinel for worker in self._workers], timeout=POLL_SECONDS)
            if not self._stopping:
                self._replace_the_dead()
        self._listener.close()
        self._stop_workers()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True

    def _start(self) -> None:
        worker = multiprocessing.get_context("spawn").Process(target=_work, args=(self._listener,))
        worker.start()
        self._workers[worker] = monotonic()

    def _replace_the_dead(self) -> None:
        for worker, started_at in list(self._workers.items()):
            if worker.is_alive():
                continue
            del self._workers[worker]
            mark_process_dead(worker.pid)
            if (worker.exitcode or 0) > 0 and monotonic() - started_at < EARLY_SECONDS:
                logger.critical("A worker ended as it started (exit code %s).", worker.exitcode)
                self._stop_workers()
                sys.exit(1)
            logger.error("A worker died (exit code %s); another takes its place.", worker.exitcode)
            self._start()

    def _stop_workers(self) -> None:
        for worker in self._workers:
            worker.terminate()
        deadline = monotonic() + STOP_SECONDS
        for worker in self._workers:
            worker.join(max(0.0, deadline - monotonic()))
            if worker.is_alive():
                logger.error("A worker did not stop in %s seconds.", STOP_SECONDS)
                worker.kill()
