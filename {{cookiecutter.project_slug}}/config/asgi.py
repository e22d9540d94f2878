"""The ASGI application: HTTP to Django, WebSockets to the consumers."""

import os

from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
http = get_asgi_application()

# Consumers import models, so Django comes first.
from config.routing import websocket_urlpatterns  # noqa: E402
from operations.asgi import Operations  # noqa: E402
from operations.proxies import FromProxies  # noqa: E402
from realtime.admission import AdmissionMiddleware  # noqa: E402

application = FromProxies(
    ProtocolTypeRouter(
        {
            "http": Operations(http),
            "websocket": AdmissionMiddleware(URLRouter(websocket_urlpatterns)),
        }
    ),
    settings.PROXIES,
)
