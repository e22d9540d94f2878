"""Two-factor authentication: whether it is offered, and whether pages of staff require it."""

from types import SimpleNamespace

from allauth.account.adapter import get_adapter
from allauth.account.authentication import get_authentication_records
from allauth.account.utils import get_next_redirect_url
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib import messages
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from accounts.models import User


class TwoFactorAdapter(DefaultMFAAdapter):
    """Leaves stored authenticators unused while `TWO_FACTOR` is false."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "add_email_blocked": _(
            "An account with two-factor authentication keeps its address. Remove your "
            "authenticator app and your keys, change the address, and add them again."
        ),
        "cannot_delete_authenticator": _("This account must keep a second factor."),
        "cannot_generate_recovery_codes": _("Add an authenticator app or a key first."),
        "incorrect_code": _("This code is wrong, or too old."),
        "unverified_email": _(
            "Confirm your email address first: see the Email page of the settings."
        ),
    }

    def is_mfa_enabled(self, user: User, types: list[str] | None = None) -> bool:
        return settings.TWO_FACTOR and bool(super().is_mfa_enabled(user, types))


def opens_staff_pages(user: User, session: SessionBase) -> bool:
    """Whether a session has what `ADMIN_TWO_FACTOR` asks for: a second factor was used in it.

    A session that was stolen before the person set the factor up has not.
    """
    if not settings.ADMIN_TWO_FACTOR:
        return True
    records = get_authentication_records(SimpleNamespace(session=session), user)
    return _has_factor(user) and any(each["method"] == "mfa" for each in records)


def ask_for_factor(request: HttpRequest, told: str | Promise) -> HttpResponse | None:
    """Lead to what a person must do before a page opens, and tell them why.

    Returns None when nothing is missing.
    """
    if (step := next_step(request)) is None:
        return None
    messages.info(request, str(told))
    return redirect(step)


def next_step(request: HttpRequest) -> str | None:
    """The URL of what a person must do before pages of staff open; None when nothing is missing."""
    user = request.user
    if not user.is_authenticated or opens_staff_pages(user, request.session):
        return None
    if not _has_factor(user):
        return reverse("mfa_index")
    methods = get_adapter().get_reauthentication_methods(user)
    (url, *_) = (each["url"] for each in methods if each["id"].startswith("mfa"))
    goal = get_next_redirect_url(request) or request.get_full_path()
    return f"{url}?{urlencode({'next': goal})}"


def _has_factor(user: User) -> bool:
    types = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]
    return TwoFactorAdapter().is_mfa_enabled(user, types)
