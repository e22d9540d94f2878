"""The tutorial's route, beside one whose consumer keeps its messages."""

from django.urls import re_path

from chat.consumers import ChatConsumer, KeepingChatConsumer

websocket_urlpatterns = [
    re_path(r"ws/chat/(?P<room_name>[\w-]+)/$", ChatConsumer.as_asgi()),
    re_path(r"ws/kept/(?P<room_name>[\w-]+)/$", KeepingChatConsumer.as_asgi()),
]
