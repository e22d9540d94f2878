"""The Channels tutorial's application, with or without its AuthMiddlewareStack (AUTH=1)."""

import os

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")
http = get_asgi_application()

from chat.routing import websocket_urlpatterns  # noqa: E402 (Django comes first)

websocket = URLRouter(websocket_urlpatterns)
if os.environ.get("AUTH"):
    websocket = AuthMiddlewareStack(websocket)

application = ProtocolTypeRouter({"http": http, "websocket": websocket})
