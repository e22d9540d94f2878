"""Two-factor authentication: whether it is offered, and whether the admin requires it."""

from allauth.account.adapter import get_adapter
from allauth.account.authentication import get_authentication_records
from allauth.account.utils import get_next_redirect_url
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode

from accounts.models import User


class TwoFactorAdapter(DefaultMFAAdapter):
    """Leaves stored authenticators unused while `TWO_FACTOR` is false."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "add_email_blocked": (
            "An account with two-factor authentication keeps its address. Remove your "
            "authenticator app and your keys, change the address, and add them again."
        ),
        "unverified_email": "Confirm your email address first: see the Email page of the settings.",
    }

    def is_mfa_enabled(self, user: User, types: list[str] | None = None) -> bool:
        return settings.TWO_FACTOR and bool(super().is_mfa_enabled(user, types))


def next_step(request: HttpRequest) -> str | None:
    """The URL of what a person must do before the admin opens; None when nothing is missing.

    A second factor must have been used in this session: one that was stolen before the person
    set it up does not open the admin.
    """
    user = request.user
    if not settings.ADMIN_TWO_FACTOR or not user.is_authenticated:
        return None
    if not TwoFactorAdapter().is_mfa_enabled(
        user, [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]
    ):
        return reverse("mfa_index")
    if any(each["method"] == "mfa" for each in get_authentication_records(request, user)):
        return None
    methods = get_adapter().get_reauthentication_methods(user)
    (url, *_) = (each["url"] for each in methods if each["id"].startswith("mfa"))
    goal = get_next_redirect_url(request) or request.get_full_path()
    return f"{url}?{urlencode({'next': goal})}"
