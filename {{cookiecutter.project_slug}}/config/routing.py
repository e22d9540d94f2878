"""Every WebSocket route. The topic `chat:<room>` of `ws/` is served by `ws/chat/<room>/`."""

from django.urls import path

from chat.consumers import ChatConsumer, InboxConsumer
from notifications.consumers import NotificationConsumer
from presence.consumers import PresenceConsumer, RosterConsumer
from realtime.multiplex import Multiplexer

websocket_urlpatterns = [
    path("ws/", Multiplexer.as_asgi()),
    path("ws/chat/", InboxConsumer.as_asgi()),
    path("ws/chat/<slug:slug>/", ChatConsumer.as_asgi()),
    path("ws/notifications/", NotificationConsumer.as_asgi()),
    path("ws/presence/", PresenceConsumer.as_asgi()),
    path("ws/presence/<slug:slug>/", RosterConsumer.as_asgi()),
]
