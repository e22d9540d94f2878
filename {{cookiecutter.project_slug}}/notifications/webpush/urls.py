from django.urls import path

from notifications.webpush import views

app_name = "webpush"

urlpatterns = [
    path("push-worker.js", views.worker, name="worker"),
    path("notifications/push/subscribe/", views.subscribe, name="subscribe"),
    path("notifications/push/unsubscribe/", views.unsubscribe, name="unsubscribe"),
]
