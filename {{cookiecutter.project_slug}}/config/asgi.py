"""The ASGI application: HTTP to Django, WebSockets to the consumers."""

import os

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
http = get_asgi_application()

from config.routing import websocket  # noqa: E402 (consumers import models, so Django comes first)

application = ProtocolTypeRouter({"http": http, "websocket": websocket})
