from django.apps import AppConfig


class PresenceConfig(AppConfig):
    name = "presence"

    def ready(self) -> None:
        from presence.running import RosterTopic
        from realtime.topics import register

        register(RosterTopic())
