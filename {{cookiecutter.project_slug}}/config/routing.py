"""Every WebSocket route."""

from chat.consumers import ChatConsumer, InboxConsumer
from notifications.consumers import NotificationConsumer
from presence.consumers import PresenceConsumer, RosterConsumer
from realtime.multiplex import multiplexer
from realtime.routing import socket_path, websocket_routes

websocket = websocket_routes(
    socket_path("ws/", multiplexer),
    socket_path("ws/chat/", InboxConsumer.as_asgi()),
    socket_path("ws/chat/<slug:slug>/", ChatConsumer.as_asgi()),
    socket_path("ws/notifications/", NotificationConsumer.as_asgi()),
    socket_path("ws/presence/", PresenceConsumer.as_asgi()),
    socket_path("ws/presence/<slug:slug>/", RosterConsumer.as_asgi()),
)
