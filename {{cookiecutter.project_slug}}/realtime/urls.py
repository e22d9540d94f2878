"""The engine's HTTP routes."""

from django.urls import path

from realtime import views

app_name = "realtime"
urlpatterns = [path("ticket", views.ticket, name="ticket")]
