from django.urls import path, register_converter

from accounts import views
from accounts.converters import UsernameConverter

app_name = "accounts"

register_converter(UsernameConverter, "username")

urlpatterns = [
    path("people/<username:username>/", views.profile, name="profile"),
    path("settings/profile/", views.edit, name="edit"),
]
