"""What serves the board in the tests: the project has no route to it."""

from channels.routing import URLRouter
from django.urls import path

from realtime.admission.middleware import AdmissionMiddleware
from realtime.tests.boards.consumers import BoardConsumer

routes = [path("ws/board/<slug:slug>/", BoardConsumer.as_asgi())]
application = AdmissionMiddleware(URLRouter(routes))
