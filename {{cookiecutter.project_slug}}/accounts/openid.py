"""Sign-in by the OpenID Connect providers that `OPENID_CONNECT` names."""

import logging
from collections.abc import Callable
from typing import Any

from allauth.account.adapter import get_adapter as accounts
from allauth.account.models import EmailAddress
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.core.internal.httpkit import is_headless_request
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter, get_adapter
from allauth.socialaccount.helpers import render_authentication_error
from allauth.socialaccount.models import SocialLogin
from allauth.socialaccount.providers.base import AuthProcess
from allauth.socialaccount.providers.openid_connect import views
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from requests import RequestException

from accounts.models import User, validate_free
from accounts.names import DISPLAY_NAME_LENGTH, tidy, validate_display_name

logger = logging.getLogger(__name__)

MOST_SHOWN = 200  # characters of what a provider answered, in the log

View = Callable[[HttpRequest, str], HttpResponse]


class TokenProvider(OpenIDConnectProvider):
    """Takes whatever a stranger sends in place of a token for a wrong one."""

    package = "allauth.socialaccount.providers.openid_connect"  # where its routes are

    def verify_token(self, request: HttpRequest, token: dict[str, Any]) -> SocialLogin:
        try:
            return super().verify_token(request, token)
        except (ValidationError, DatabaseError):
            raise
        except Exception as error:  # allauth looks into it before it has checked its form
            raise get_adapter().validation_error("invalid_token") from error


class ProviderAdapter(DefaultSocialAccountAdapter):
    """Takes over the provider's names where they are free here; else the person is asked."""

    error_messages = DefaultSocialAccountAdapter.error_messages | {
        "connected_other": _("Somebody signs in by this account already."),
        "disconnect_last": _("You sign in by this alone: set a password first."),
        "email_taken": _("An account here has this address: sign in to it, then connect %s."),
        "invalid_token": _("The provider does not confirm this sign-in. Try again."),
        "no_password": _("You sign in by this alone: set a password first."),
        "no_verified_email": _("Confirm your email address first."),
    }

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Let nobody connect a provider to an account whose address may be another's."""
        user = request.user
        if sociallogin.state.get("process") != AuthProcess.CONNECT or not user.is_authenticated:
            return
        if EmailAddress.objects.filter(user=user, verified=True).exists():
            return
        error = ValidationError(_("Confirm your email address first."), code="unverified_email")
        if is_headless_request(request):
            raise error
        messages.error(request, error.message)
        raise ImmediateHttpResponse(redirect("account_email"))

    def populate_user(
        self, request: HttpRequest, sociallogin: SocialLogin, data: dict[str, Any]
    ) -> User:
        username = (data.get("username") or "").partition("@")[0]  # some give an address
        given = {"username": username, "email": data.get("email")}
        user: User = super().populate_user(request, sociallogin, given)
        name = tidy((data.get("name") or "")[:DISPLAY_NAME_LENGTH])[:DISPLAY_NAME_LENGTH]
        user.display_name = name if _passes(validate_display_name, name) else ""
        return user

    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: Any = None) -> User:
        if not _passes(validate_free, sociallogin.user.display_name):
            sociallogin.user.display_name = ""
        user: User = super().save_user(request, sociallogin, form)
        return user

    def is_auto_signup_allowed(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return _passes(accounts(request).clean_username, sociallogin.user.username)

    def on_authentication_error(
        self, request: HttpRequest, provider: Any, exception: object = None, **options: Any
    ) -> None:
        if exception:
            message = str(exception)[:MOST_SHOWN]
            logger.warning("Sign-in with %s failed: %s", provider.name, message)


def login(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Lead to the provider by a page: the content policy lets no form end at another site."""
    response = _answer(views.login, request, provider_id)
    if isinstance(response, HttpResponseRedirect):
        return render(request, "socialaccount/login_redirect.html", {"redirect_to": response.url})
    return response


def callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Sign in whoever comes back from the provider."""
    return _answer(views.callback, request, provider_id)


def _answer(view: View, request: HttpRequest, provider_id: str) -> HttpResponse:
    """allauth's answer; a page that says so where the provider is away."""
    try:
        return view(request, provider_id)
    except RequestException as error:
        provider = get_adapter().get_provider(request, provider_id)
        page: HttpResponse = render_authentication_error(request, provider, exception=error)
        return page


def _passes(check: Callable[[str], object], value: str) -> bool:
    try:
        check(value)
    except ValidationError:
        return False
    return True
