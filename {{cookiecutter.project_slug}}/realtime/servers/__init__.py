"""Serving the project: one module per ASGI server, each with `run(application, listener)`.

The project runs on any ASGI server. These modules make two of them faster: each lends the engine
the transport behind a WebSocket, as `scope["realtime.lent"]`. A frame is then encoded once and
written to a thousand sockets as the same bytes, and the engine sees how much waits for a slow
reader. The code that uses private names of a server is in `lending_daphne.py` and
`lending_uvicorn.py`; where a name is missing, the server is used as it is. Both ways drain on
SIGTERM: sockets are closed with 1012, and commands under way are finished.
"""

DISCARDED_BYTES = 1_048_576
"""What is read and thrown away of a client that is closed while it sends.

A connection that is closed with bytes unread is reset, and the reset may overtake the close: the
client then sees 1006, and comes back with the same. So the server shuts down its own side first.
"""
