"""The ASGI application: HTTP to Django, WebSockets to the consumers, channels to the workers."""

import os

from channels.routing import ChannelNameRouter, ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.urls import re_path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django_asgi_app = get_asgi_application()

# Consumers import models, so Django comes first.
from config.routing import (  # noqa: E402
    channel_consumers,
    http_urlpatterns,
    websocket_urlpatterns,
)
from operations.endpoints import Operations  # noqa: E402
from operations.proxies import FromProxies  # noqa: E402
from realtime.admission.middleware import AdmissionMiddleware  # noqa: E402
from realtime.bodies import BoundedBodies  # noqa: E402
from realtime.delivery.engine import lifespan  # noqa: E402

django_path = re_path("", django_asgi_app)  # type: ignore[arg-type]  # an application, not a view
application = Operations(
    FromProxies(
        ProtocolTypeRouter(
            {
                "http": BoundedBodies(URLRouter([*http_urlpatterns, django_path])),
                "websocket": AdmissionMiddleware(URLRouter(websocket_urlpatterns)),
                "channel": ChannelNameRouter(channel_consumers),
                "lifespan": lifespan,
            }
        ),
        settings.PROXIES,
    )
)
