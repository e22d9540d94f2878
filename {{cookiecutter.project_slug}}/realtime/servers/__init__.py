"""Serving the project: one module per ASGI server, each with `run(application, listener)`.

The project runs on any ASGI server. What is here makes two of them faster: each lends the engine
the transport behind a WebSocket, as `scope["realtime.lent"]`: with it a frame that is encoded once
is written to a thousand sockets as the same bytes, and the engine sees how much waits for a slow
reader. `inside/` holds what knows the servers' insides; where a version of one has not all the
names that are used there, the project is served without. Both ways drain on SIGTERM: open sockets
told to come back, work under way finished.
"""
