"""Serves the apps in tests: the project has no route to them."""

from channels.routing import URLRouter
from django.urls import path

from realtime.admission.middleware import AdmissionMiddleware
from realtime.starting.boards.consumers import BoardConsumer
from realtime.starting.notices.consumers import NoticeConsumer

routes = [
    path("ws/board/<slug:slug>/", BoardConsumer.as_asgi()),
    path("ws/notice/<slug:slug>/", NoticeConsumer.as_asgi()),
]
application = AdmissionMiddleware(URLRouter(routes))
