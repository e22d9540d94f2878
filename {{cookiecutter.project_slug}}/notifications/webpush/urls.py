from django.urls import path

from notifications.webpush import views

app_name = "webpush"

urlpatterns = [
    path("notifications/push/subscribe/", views.subscribe, name="subscribe"),
    path("notifications/push/unsubscribe/", views.unsubscribe, name="unsubscribe"),
]
