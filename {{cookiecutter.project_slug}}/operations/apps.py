from django.apps import AppConfig


class OperationsConfig(AppConfig):
    name = "operations"

    def ready(self) -> None:
        from operations import checks  # noqa: F401 (registers the checks)
        from operations.live import LiveTopic, start_meter
        from realtime.delivery.engine import engine_started
        from realtime.topics import register

        register(LiveTopic())
        engine_started.connect(start_meter)
