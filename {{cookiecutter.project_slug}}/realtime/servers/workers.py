"""Several processes behind one listening socket, each started again when it dies."""

import gc
import logging
import multiprocessing
import os
import signal
import socket
import sys
from collections.abc import Collection
from importlib import import_module
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from threading import Thread
from time import monotonic

import django
from django.conf import settings
from prometheus_client.multiprocess import mark_process_dead

logger = logging.getLogger(__name__)

STOP_SECONDS = 20.0  # more than the drain takes
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


def supervise(listener: socket.socket, processes: int) -> None:
    """Keep a number of workers alive; on SIGTERM or SIGINT let them drain, and return."""
    workers: dict[SpawnProcess, float] = {}  # each with when it started
    try:
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, signal.default_int_handler)
        while True:
            while len(workers) < processes:
                worker = multiprocessing.get_context("spawn").Process(target=_work, args=[listener])
                worker.start()
                workers[worker] = monotonic()
            wait([worker.sentinel for worker in workers])
            for worker in [each for each in workers if not each.is_alive()]:
                _bury(worker, workers.pop(worker))
    except KeyboardInterrupt:
        pass
    finally:
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, signal.SIG_IGN)
        listener.close()
        _stop(workers)


def _bury(worker: SpawnProcess, started_at: float) -> None:
    mark_process_dead(worker.pid)
    if (worker.exitcode or 0) > 0 and monotonic() - started_at < EARLY_SECONDS:
        logger.critical("A worker ended as it started (exit code %s).", worker.exitcode)
        sys.exit(1)
    logger.error("A worker died (exit code %s); another takes its place.", worker.exitcode)


def _stop(workers: Collection[SpawnProcess]) -> None:
    for worker in workers:
        worker.terminate()
    deadline = monotonic() + STOP_SECONDS
    for worker in workers:
        worker.join(max(0.0, deadline - monotonic()))
        if worker.is_alive():
            logger.error("A worker did not stop in %s seconds.", STOP_SECONDS)
            worker.kill()
