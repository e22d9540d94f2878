from allauth.account.views import signup
from django.urls import path, register_converter

from accounts import openid, views
from accounts.first_run import FirstRunView, first_run_first
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
    path("first-run/", FirstRunView.as_view(), name="first_run"),
    path("people/<username:username>/", views.profile, name="profile"),
    path("settings/profile/", views.edit, name="edit"),
    path("settings/picture/", views.change_portrait, name="change_portrait"),
    path("portraits/<slug:code>/", views.portrait, name="portrait"),
    # In place of allauth's own, whose names lead here.
    path("accounts/signup/", first_run_first(signup)),
    path("accounts/oidc/<str:provider_id>/login/", openid.login),
    path("accounts/oidc/<str:provider_id>/login/callback/", openid.callback),
]
