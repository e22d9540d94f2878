"""Sign-in by the OpenID Connect providers that `OPENID_CONNECT` names."""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account.adapter import get_adapter as accounts
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter, get_adapter
from allauth.socialaccount.helpers import render_authentication_error
from allauth.socialaccount.models import SocialLogin
from allauth.socialaccount.providers.openid_connect import views
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from requests import RequestException

from accounts.models import User, validate_free
from accounts.names import DISPLAY_NAME_LENGTH, tidy, validate_display_name

logger = logging.getLogger(__name__)

View = Callable[[HttpRequest, str], HttpResponse]


class ProviderAdapter(DefaultSocialAccountAdapter):
    """Takes over the provider's names where they are free here; else the person is asked."""

    def populate_user(
        self, request: HttpRequest, sociallogin: SocialLogin, data: dict[str, Any]
    ) -> User:
        username, _, _ = (data.get("username") or "").partition("@")  # some give an address
        given = {"username": username, "email": data.get("email")}
        user: User = super().populate_user(request, sociallogin, given)
        name = tidy((data.get("name") or "")[:DISPLAY_NAME_LENGTH])[:DISPLAY_NAME_LENGTH]
        if name and _passes(validate_display_name, name) and _passes(validate_free, name):
            user.display_name = name
        return user

    def is_auto_signup_allowed(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return _passes(accounts(request).clean_username, sociallogin.user.username)

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: Any,  # Any: as the other arguments, allauth's
        error: Any = None,
        exception: Exception | None = None,
        extra_context: Any = None,
    ) -> None:
        if exception:
            logger.warning("Sign-in with %s failed: %s", provider.name, exception)


def _says_what_fails(view: View) -> View:
    """Answer with a page where the provider is away, also before allauth expects it to be."""

    @wraps(view)
    def careful(request: HttpRequest, provider_id: str) -> HttpResponse:
        try:
            return view(request, provider_id)
        except RequestException as error:
            provider = get_adapter().get_provider(request, provider_id)
            response: HttpResponse = render_authentication_error(request, provider, exception=error)
            return response

    return careful


@_says_what_fails
def login(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Lead to the provider by a page: the content policy lets no form end at another site."""
    response: HttpResponse = views.login(request, provider_id)
    if isinstance(response, HttpResponseRedirect):
        return render(request, "socialaccount/login_redirect.html", {"redirect_to": response.url})
    return response


callback = _says_what_fails(views.callback)


def _passes(check: Callable[[str], object], value: str) -> bool:
    try:
        check(value)
    except ValidationError:
        return False
    return True
