"""All routes other than those of Django's views, which are in urls.py."""

from django.urls import URLPattern, path

from chat.consumers import ChatConsumer, RoomListConsumer
from notifications.consumers import NotificationConsumer
from operations.live import LiveConsumer
from presence.consumers import PresenceConsumer
from realtime.tasks.worker import TaskConsumer
from realtime.transports.multiplex import Multiplexer

# isort: split
# % if cookiecutter.mqtt
from bridges.mqtt.consumers import DeviceConsumer, SensorConsumer

# % endif
# ASGI applications and consumers such as an AsyncHttpConsumer, before Django's views and without
# Django's middleware: path("export/", ExportConsumer.as_asgi()).
http_urlpatterns: list[URLPattern] = []

# The topic `chat:<room>` of ws/ is served by ws/chat/<room>/.
websocket_urlpatterns = [
    path("ws/", Multiplexer.as_asgi()),
    path("ws/chat/", RoomListConsumer.as_asgi()),
    path("ws/chat/<slug:slug>/", ChatConsumer.as_asgi()),
    path("ws/notifications/", NotificationConsumer.as_asgi()),
    path("ws/live/", LiveConsumer.as_asgi()),
    path("ws/presence/", PresenceConsumer.as_asgi()),
    # % if cookiecutter.mqtt
    path("ws/sensors/<slug:slug>/", SensorConsumer.as_asgi()),
    # % endif
]

# What `manage.py runworker tasks thumbnail.generate` listens for.
channel_consumers = {
    "tasks": TaskConsumer.as_asgi(),
    "thumbnail.generate": TaskConsumer.as_asgi(),
}
# % if cookiecutter.mqtt

# By the part of a topic that follows `<MQTT_PREFIX>/in/`.
mqtt_urlpatterns = [path("sensors/<slug:name>", DeviceConsumer.as_asgi())]
# % endif
