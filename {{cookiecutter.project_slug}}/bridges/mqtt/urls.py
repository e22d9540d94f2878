from django.urls import path

from bridges.mqtt import views

app_name = "mqtt"

urlpatterns = [path("sensors/", views.sensors, name="sensors")]
