"""How allauth counts attempts to sign in, confirms who acts, and sends mail."""

import secrets
import time
from typing import Any

from allauth.account import app_settings
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.authentication import get_authentication_records
from allauth.account.utils import filter_users_by_email, filter_users_by_username
from allauth.core import context as current
from allauth.core.exceptions import ReauthenticationRequired
from allauth.core.internal import ratelimit
from allauth.core.internal.ratelimit import RateLimitUsage
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.sites.shortcuts import get_current_site
from django.core.exceptions import ValidationError
from django.core.mail import get_connection
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext_lazy as _

from accounts.models import User

SALT = "known-browser"
KNOWN_SECONDS = 365 * 24 * 3600

Credentials = dict[str, Any]  # Any: allauth's


def awaits_first_run() -> bool:
    """Whether nobody has an account, and a visitor may make the first: see docs/accounts.md."""
    return bool(settings.DEBUG or settings.FIRST_RUN_CODE) and not User.objects.exists()


class AccountAdapter(DefaultAccountAdapter):
    """Counts wrong passwords where they come from, so that strangers lock nobody out.

    A browser in which an account has been signed in has a signed cookie that says so, and a count
    of its own. Other attempts are counted by address, and together for each account. Device cookies
    are described in https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies
    """

    error_messages = DefaultAccountAdapter.error_messages | {
        "account_inactive": _("This account is not active. Ask whoever runs this site."),
        "cannot_remove_primary_email": _("An account keeps one address: add another first."),
        "duplicate_email": _("This is an address of your account already."),
        "email_password_mismatch": _("The address or the password is wrong."),
        "email_taken": _("There is an account with this address already: sign in to it."),
        "enter_current_password": _("Write the password that you have now."),
        "incorrect_code": _("This code is wrong, or too old."),
        "incorrect_password": _("This password is wrong."),
        "invalid_or_expired_key": _("This link was used, or is too old. Ask for a new one."),
        "invalid_login": _("This does not sign you in."),
        "invalid_password_reset": _("This link was used, or is too old. Ask for a new one."),
        "max_email_addresses": _("An account has at most %d addresses."),
        "rate_limited": _("That was too often. Wait a little, then try again."),
        "same_as_current": _("This is what you have already."),
        "select_only_one": _("Choose only one."),
        "too_many_login_attempts": _("Too many wrong passwords. Wait some minutes."),
        "unknown_email": _("No account has this address."),
        "unverified_primary_email": _("Confirm your email address first."),
        "username_blacklisted": _("This username is not for accounts. Choose another."),
        "username_password_mismatch": _("The username or the password is wrong."),
        "username_taken": _("Somebody has this username. Choose another."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Let nobody, by whatever way, have an account before the administrator has."""
        return not awaits_first_run()

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        key = self._get_login_attempts_cache_key(request, **credentials)
        usage = self._count(request, "login_failed", key)
        account = _account_of(credentials)
        if usage and not _known_browser(request, account):
            everywhere = self._count(request, "login_failed_anywhere", account)
            usage = everywhere and RateLimitUsage([*usage.usage, *everywhere.usage])
        self._login_failed_rl_usage = usage
        if not usage:
            raise self.validation_error("too_many_login_attempts")

    def pre_login(self, request: HttpRequest, user: User, **options: Any) -> HttpResponse | None:
        """Turn bots away, whatever they sign in by, as allauth does those who are not active."""
        user.is_active = user.is_active and not user.is_bot
        response: HttpResponse | None = super().pre_login(request, user, **options)
        return response

    def post_login(self, request: HttpRequest, user: User, **options: Any) -> HttpResponse:
        """Remember that this browser has signed in."""
        response: HttpResponse = super().post_login(request, user, **options)
        response.set_signed_cookie(
            _cookie_name(),
            f"{user.pk}:{secrets.token_hex(8)}",
            salt=SALT,
            max_age=KNOWN_SECONDS,
            path=settings.SESSION_COOKIE_PATH,
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )
        return response

    def is_reauthentication_required(self, *, app: str, **options: Any) -> bool:
        """Spare those who sign in by a provider alone, and have nothing to confirm it by.

        Raises:
            ReauthenticationRequired: the account has a second factor, which was not used lately.
        """
        request = current.request
        required = super().is_reauthentication_required(app=app, **options)
        if required and is_mfa_enabled(request.user) and not _gave_factor_lately(request):
            raise ReauthenticationRequired
        return bool(required and self.get_reauthentication_methods(request.user))

    def get_reauthentication_methods(self, user: User | AnonymousUser) -> list[dict[str, Any]]:
        """Of an account that has a second factor, only that."""
        methods = super().get_reauthentication_methods(user)
        factors = [each for each in methods if each["id"].startswith("mfa")]
        return factors or methods

    def reauthenticate(self, user: User, password: str) -> bool:
        if is_mfa_enabled(user):
            raise ValidationError(_("Confirm it by your second factor."), code="second_factor")
        return bool(super().reauthenticate(user, password))

    def is_safe_url(self, url: str) -> bool:
        try:
            return bool(super().is_safe_url(url))
        except ValueError:  # such as http://[
            return False

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send in the background, and bound what others can have sent to an address."""
        request = current.request
        if not self._count(request, "mail", f"{template_prefix}:{email.lower()}"):
            return
        site = {"request": request, "email": email, "current_site": get_current_site(request)}
        context = {**site, **context}
        subject = render_to_string(f"{template_prefix}_subject.txt", context).strip()
        message = self.render_mail(template_prefix, email, {**context, "subject": subject})
        message.connection = get_connection("accounts.mail.BackgroundBackend")
        message.send()

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        account = _account_of(credentials)
        return f"{account}:{_known_browser(request, account) or ratelimit.get_ip(request)}"

    def _delete_login_attempts_cached_email(self, request: HttpRequest, **credentials: Any) -> None:
        super()._delete_login_attempts_cached_email(request, **credentials)
        account = _account_of(credentials)
        ratelimit.clear(request, app="allauth.account", action="login_failed_anywhere", key=account)

    def _count(self, request: HttpRequest, action: str, key: str) -> RateLimitUsage | None:
        """Count an attempt; None where there were too many of ACCOUNT_RATE_LIMITS."""
        return ratelimit.consume(request, app="allauth.account", action=action, key=key)


def _gave_factor_lately(request: HttpRequest) -> bool:
    since = time.time() - app_settings.REAUTHENTICATION_TIMEOUT
    return any(
        each["method"] == "mfa" and each.get("reauthenticated") and each["at"] > since
        for each in get_authentication_records(request, request.user)
    )


def _account_of(credentials: Credentials) -> str:
    """The key of the account that a sign-in names, by any of its names; else the name."""
    if email := credentials.get("email"):
        users = filter_users_by_email(email, prefer_verified=True)
        return str(users[0].pk) if users else f"email {email.lower()}"
    username = credentials.get("username") or ""
    user = filter_users_by_username(username).first()
    return str(user.pk) if user else f"username {username.lower()}"


def _known_browser(request: HttpRequest, account: str) -> str | None:
    """What stands for this browser, if the account has been signed in there."""
    if request.user.is_authenticated and str(request.user.pk) == account:
        return "signed in"
    value = request.get_signed_cookie(_cookie_name(), "", salt=SALT, max_age=KNOWN_SECONDS)
    pk, _, browser = (value or "").partition(":")
    return browser if pk == account else None


def _cookie_name() -> str:
    return f"{settings.SESSION_COOKIE_NAME}_known"
