"""The engine as a Django app."""

from django.apps import AppConfig


class RealtimeConfig(AppConfig):
    name = "realtime"
    verbose_name = "Real time"

    def ready(self) -> None:
        from realtime import checks
        from realtime.admission import revocation

        checks.register()
        revocation.connect_signals()
