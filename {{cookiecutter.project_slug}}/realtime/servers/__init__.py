"""Serving the project on the ASGI server that it was made for, by `run(application, listener)`.

The project runs on any ASGI server. What is here makes its own one faster: it lends the engine the
transport behind a WebSocket, as `scope["realtime.lent"]`. A frame is then encoded once and written
to a thousand sockets as the same bytes, and the engine sees how much waits for a slow reader. The
code that uses private names of the server is in `lending_*.py`; where a name is missing, the server
is used as it is. Both ways drain on SIGTERM: sockets are closed with 1012, and commands under way
are finished.
"""

DISCARDED_BYTES = 1_048_576
"""What is read and thrown away of a client that is closed while it sends.

A connection that is closed with bytes unread is reset, and the reset may overtake the close: the
client then sees 1006, and comes back with the same. So the server shuts down its own side first.
"""
