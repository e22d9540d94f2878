from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PresenceConfig(AppConfig):
    name = "presence"
    verbose_name = _("Presence")

    def ready(self) -> None:
        from presence import actions
        from presence.running import RosterTopic
        from presence.viewing import read_viewers
        from realtime import topics, viewing

        topics.register(RosterTopic())
        topics.topics_changed.connect(actions.rooms_changed)
        topics.topic_left.connect(actions.room_left)
        viewing.readers.append(read_viewers)
