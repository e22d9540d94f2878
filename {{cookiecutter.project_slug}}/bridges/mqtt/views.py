"""The page of the demo's sensors."""

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from bridges.mqtt.models import SensorBoard


@require_safe
@login_required
def sensors(request: HttpRequest) -> HttpResponse:
    context = {"topic": SensorBoard.topics.topic(SensorBoard.HOME), "prefix": settings.MQTT_PREFIX}
    return render(request, "mqtt/sensors.html", context)
