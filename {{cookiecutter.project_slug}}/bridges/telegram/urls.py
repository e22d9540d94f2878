from django.urls import path

from bridges.telegram import views

app_name = "telegram"

urlpatterns = [
    path("settings/telegram/", views.settings, name="settings"),
    path("settings/telegram/unlink/", views.unlink, name="unlink"),
]
