"""The engine as a Django app."""

from django.apps import AppConfig
from django.conf import settings
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _


class RealtimeConfig(AppConfig):
    name = "realtime"
    verbose_name = _("Real time")

    def ready(self) -> None:
        from realtime import checks, protocol  # noqa: F401 (registers the system checks)
        from realtime.admission import revocation
        from realtime.contract import checking
        from realtime.delivery.engine import engine_started
        from realtime.feeds import binding
        from realtime.tasks.worker import start_in_web

        revocation.connect_signals()
        engine_started.connect(start_in_web)
        if settings.CHECK_EVENTS:
            protocol.event_checks.append(checking.check_event)
        autodiscover_modules("bindings")
        binding.connect_signals()
