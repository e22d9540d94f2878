"""Chat as a Django app."""

from django.apps import AppConfig


class ChatConfig(AppConfig):
    name = "chat"
