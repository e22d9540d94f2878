"""MQTT as a Django app."""

from django.apps import AppConfig


class MqttConfig(AppConfig):
    name = "bridges.mqtt"
    label = "mqtt"
    verbose_name = "MQTT"

    def ready(self) -> None:
        from bridges.mqtt.models import enqueue_pruning
        from realtime.tasks.worker import tidying

        tidying.connect(enqueue_pruning)
