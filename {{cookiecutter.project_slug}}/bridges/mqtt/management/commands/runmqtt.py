"""Run the bridge between an MQTT broker and the site, until SIGTERM or SIGINT."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from bridges.mqtt.server import MqttServer
from realtime.asgi import Application
from realtime.interfaces import InterfaceCommand


class Command(InterfaceCommand):
    help = __doc__

    def make_server(self, application: Application, **options: Any) -> MqttServer:  # Any: Django's
        if not settings.MQTT_URL:
            raise CommandError(
                "MQTT_URL is not set: write the broker's address, such as mqtt://127.0.0.1:1883."
            )
        return MqttServer(application)
