"""What ends when an account becomes safer: the sessions and connections of who had it before."""

from typing import Any  # Any: a signal sends what it likes

from allauth.account.internal.flows.email_verification import verify_email
from allauth.account.internal.flows.login import record_authentication
from allauth.account.internal.flows.manage_email import sync_user_email_address
from allauth.account.models import EmailAddress
from allauth.account.signals import email_confirmed, password_reset
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added
from allauth.socialaccount.models import SocialAccount
from django.dispatch import receiver
from django.http import HttpRequest

from accounts.models import User
from realtime.delivery.publishing import recheck
from realtime.sessions import end_sessions


@receiver(authenticator_added)
def _factor_added(
    request: HttpRequest, user: User, authenticator: Authenticator, **kwargs: Any
) -> None:
    """End the sessions that knew the password alone; this one has just used the factor."""
    if authenticator.type == Authenticator.Type.RECOVERY_CODES:  # they come with another
        return
    end_sessions(user.pk, but=request.session.session_key)
    recheck(user.pk)
    used = {"id": authenticator.pk, "type": authenticator.type, "reauthenticated": True}
    record_authentication(request, user, "mfa", **used)


@receiver(password_reset)
def _password_reset(request: HttpRequest, user: User, **kwargs: Any) -> None:
    """Who reads the mail owns the account: whoever had it without that is left no way in.

    A reset does not say to which of several addresses its mail went, and then confirms none.
    """
    sync_user_email_address(user)
    addresses = EmailAddress.objects.filter(user=user)
    several = len(addresses) > 1
    addresses.filter(verified=False).exclude(email__iexact=user.email).delete()
    if addresses.filter(verified=True).exists():
        return
    SocialAccount.objects.filter(user=user).delete()
    if not several and (address := addresses.first()):
        verify_email(request, address)


@receiver(email_confirmed)
def _address_confirmed(request: HttpRequest, email_address: EmailAddress, **kwargs: Any) -> None:
    """Keep what was connected before the first confirmation to who confirms while signed in."""
    user_id = email_address.user_id
    others = EmailAddress.objects.filter(user=user_id, verified=True).exclude(pk=email_address.pk)
    if request.user.pk != user_id and not others.exists():
        SocialAccount.objects.filter(user=user_id).delete()
