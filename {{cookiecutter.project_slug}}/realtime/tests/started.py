"""Serves the apps of realtime/starting/ in tests: the project has no route to them."""

from channels.routing import URLRouter
from django.urls import include, path

from realtime.admission.middleware import AdmissionMiddleware
from realtime.starting.boards.consumers import BoardConsumer
from realtime.starting.notices.consumers import NoticeConsumer

urlpatterns = [
    path("", include("realtime.starting.boards.urls")),
    path("", include("realtime.starting.notices.urls")),
    path("", include("config.urls")),
]
routes = [
    path("ws/board/<slug:slug>/", BoardConsumer.as_asgi()),
    path("ws/notice/<slug:slug>/", NoticeConsumer.as_asgi()),
]
application = AdmissionMiddleware(URLRouter(routes))
