from django.urls import path

from notifications import views

app_name = "notifications"

urlpatterns = [
    path("notifications/", views.index, name="list"),
    path("notifications/read/", views.read_all, name="read_all"),
    path("notifications/level/", views.choose, name="choose"),
    path("notifications/<int:pk>/", views.follow, name="follow"),
    path("notifications/<int:pk>/read/", views.read, name="read"),
    path("notifications/<int:pk>/delete/", views.delete, name="delete"),
    path("settings/notifications/", views.settings, name="settings"),
]
