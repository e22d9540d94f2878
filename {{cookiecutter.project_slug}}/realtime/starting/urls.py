"""The site's pages, and those of the apps here, for their tests."""

from django.urls import include, path

urlpatterns = [
    path("", include("realtime.starting.boards.urls")),
    path("", include("realtime.starting.notices.urls")),
    path("", include("config.urls")),
]
