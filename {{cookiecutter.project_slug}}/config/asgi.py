"""The ASGI application: HTTP to Django, WebSockets to the consumers, channels to the workers."""

import os
import sys

from channels.routing import ChannelNameRouter, ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.exceptions import ImproperlyConfigured
from django.urls import re_path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
try:
    django_asgi_app = get_asgi_application()
except ImproperlyConfigured as error:  # its text says what to do; a traceback would bury it
    sys.exit(str(error))

# Consumers import models, so Django comes first.
from config.routing import (
    channel_consumers,
    http_urlpatterns,
    # % if cookiecutter.mqtt
    mqtt_urlpatterns,
    # % endif
    websocket_urlpatterns,
)
from operations.endpoints import Operations
from operations.proxies import FromProxies
from realtime.admission.middleware import AdmissionMiddleware
from realtime.bodies import BoundedBodies
from realtime.delivery.engine import lifespan
from realtime.transports.sse import over_http

# isort: split
# % if cookiecutter.telegram
from bridges.telegram.consumers import TelegramConsumer

# % endif
websocket = AdmissionMiddleware(URLRouter(websocket_urlpatterns))
django_path = re_path("", django_asgi_app)  # type: ignore[arg-type]  # an application, not a view
application = Operations(
    FromProxies(
        ProtocolTypeRouter(
            {
                "http": BoundedBodies(
                    URLRouter([*http_urlpatterns, *over_http(websocket), django_path])
                ),
                "websocket": websocket,
                "channel": ChannelNameRouter(channel_consumers),
                # % if cookiecutter.mqtt
                "mqtt": URLRouter(mqtt_urlpatterns),
                # % endif
                # % if cookiecutter.telegram
                "telegram": TelegramConsumer.as_asgi(),  # manage.py runtelegram
                # % endif
                "lifespan": lifespan,
            }
        ),
        settings.PROXIES,
    )
)
