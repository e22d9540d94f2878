"""Chat as a Django app."""

from django.apps import AppConfig


class ChatConfig(AppConfig):
    name = "chat"

    def ready(self) -> None:
        from chat import notices
        from chat.room_topic import RoomTopic
        from realtime.topics import register

        notices.register_kinds()
        register(RoomTopic())
