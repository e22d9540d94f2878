"""The tutorial's route, and those of the consumers that keep or read something."""

from django.urls import re_path

from chat.consumers import ChatConsumer, KeepingChatConsumer, PageConsumer

websocket_urlpatterns = [
    re_path(r"ws/chat/(?P<room_name>[\w-]+)/$", ChatConsumer.as_asgi()),
    re_path(r"ws/kept/(?P<room_name>[\w-]+)/$", KeepingChatConsumer.as_asgi()),
    re_path(r"ws/page/(?P<room_name>[\w-]+)/$", PageConsumer.as_asgi()),
]
