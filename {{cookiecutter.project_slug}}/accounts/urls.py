from django.urls import path, register_converter

from accounts import views
from accounts.names import USERNAME_PATTERN


class UsernameConverter:
    """A username in any case: `path("people/<username:username>/", ...)`."""

    regex = USERNAME_PATTERN

    def to_python(self, value: str) -> str:
        return value.lower()

    def to_url(self, value: str) -> str:
        return value


register_converter(UsernameConverter, "username")

app_name = "accounts"

urlpatterns = [
    path("people/<username:username>/", views.profile, name="profile"),
    path("settings/profile/", views.edit, name="edit"),
]
