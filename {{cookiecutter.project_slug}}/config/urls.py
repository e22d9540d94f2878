"""Every HTTP route."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path

from config import texts, webapp
from realtime.admission.tickets import ticket

urlpatterns = [
    path("manifest.webmanifest", webapp.manifest, name="manifest"),
    path("service-worker.js", webapp.service_worker, name="service_worker"),
    path("texts/<str:version>.js", texts.texts, name="texts"),
    path("", include("chat.urls")),
    path("", include("accounts.urls")),
    path("", include("notifications.urls")),
    path("", include("bots.urls")),
    path("", include("operations.urls")),
    # % if cookiecutter.web_push
    path("", include("notifications.webpush.urls")),
    # % endif
    # % if cookiecutter.mqtt
    path("", include("bridges.mqtt.urls")),
    # % endif
    # % if cookiecutter.telegram
    path("", include("bridges.telegram.urls")),
    # % endif
    path("accounts/", include("allauth.urls")),
    path("_allauth/", include("allauth.headless.urls")),
    path("api/realtime/", include("realtime.contract.urls")),
    path("api/realtime/ticket", ticket),
    path(settings.ADMIN_PATH, admin.site.urls),
]

handler500 = "config.pages.server_error"
