from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class WebPushConfig(AppConfig):
    name = "notifications.webpush"
    label = "webpush"
    verbose_name = _("Web push")

    def ready(self) -> None:
        from notifications.webpush import tasks  # noqa: F401 (connects to a signal)
