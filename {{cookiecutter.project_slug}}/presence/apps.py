from django.apps import AppConfig


class PresenceConfig(AppConfig):
    name = "presence"

    def ready(self) -> None:
        from presence import actions
        from presence.running import RosterTopic
        from presence.viewing import read_viewers
        from realtime import topics, viewing

        topics.register(RosterTopic())
        topics.topics_changed.connect(actions.rooms_changed)
        topics.topic_left.connect(actions.room_left)
        viewing.readers.append(read_viewers)
