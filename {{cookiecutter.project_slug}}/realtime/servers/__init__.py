"""Serving the project: one module per ASGI server, each with `run(application, listener)`.

Each lends the engine the transport behind a WebSocket, as `scope["realtime.transport"]`: with it a
frame that is encoded once is written to a thousand sockets as the same bytes, and the engine sees
how much waits for a slow reader. Each drains on SIGTERM: no new connections, open sockets told to
come back, work under way finished.
"""
