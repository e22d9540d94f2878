"""Every WebSocket route."""

from django.urls import path

from chat.consumers import ChatConsumer, InboxConsumer
from realtime.multiplex import multiplexer
from realtime.routing import websocket_routes

websocket = websocket_routes(
    path("ws/", multiplexer),
    path("ws/chat/", InboxConsumer.as_asgi()),
    path("ws/chat/<slug:slug>/", ChatConsumer.as_asgi()),
)
