"""Web push as a Django app."""

from django.apps import AppConfig
from django.core import checks
from django.utils.translation import gettext_lazy as _


class WebPushConfig(AppConfig):
    name = "notifications.webpush"
    label = "webpush"
    verbose_name = _("Web push")

    def ready(self) -> None:
        from notifications.actions import notified
        from notifications.webpush import keys, tasks

        notified.connect(tasks.enqueue)
        checks.register(keys.check_secret)
