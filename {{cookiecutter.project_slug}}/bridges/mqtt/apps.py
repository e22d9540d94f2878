from django.apps import AppConfig


class MqttConfig(AppConfig):
    name = "bridges.mqtt"
    label = "mqtt"
    verbose_name = "MQTT"
