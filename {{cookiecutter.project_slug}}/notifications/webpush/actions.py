"""What people do with browsers that are to be pushed to."""

import base64
import binascii

from cryptography.hazmat.primitives.asymmetric import ec
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from notifications.webpush.models import ENDPOINT_CHARACTERS, Subscription
from realtime.posting import BadAddress, check_address
from realtime.protocol import ErrorCode, Refusal

BROWSERS_PER_PERSON = 10
AUTH_BYTES = 16


def subscribe(user: User, session_key: str, *, endpoint: str, p256dh: str, auth: str) -> None:
    """Push to a browser from now on. Whoever had it before has it no longer.

    Args:
        session_key: of the session in that browser.
        endpoint: where its push service takes messages, as the browser says.
        p256dh: the browser's public key, and
        auth: its secret, both in base64url.

    Raises:
        Refusal: `invalid`, this is no subscription, or one that leads into our own network.
    """
    _check(endpoint, p256dh, auth)
    with transaction.atomic():
        Subscription.objects.update_or_create(
            digest=Subscription.digest_of(endpoint),
            defaults={
                "user": user,
                "session_key": session_key,
                "endpoint": endpoint,
                "p256dh": p256dh,
                "auth": auth,
            },
        )
        latest = Subscription.objects.filter(user=user).order_by("-created_at", "-pk")
        kept = list(latest.values_list("pk", flat=True)[:BROWSERS_PER_PERSON])
        latest.exclude(pk__in=kept).delete()


def unsubscribe(user: User, *, endpoint: str) -> None:
    """Push to a browser no longer; harmless where nothing was."""
    Subscription.objects.filter(user=user, digest=Subscription.digest_of(endpoint)).delete()


def _check(endpoint: str, p256dh: str, auth: str) -> None:
    try:
        check_address(endpoint)
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _decoded(p256dh))
    except (BadAddress, ValueError) as error:
        detail = _("This is no subscription: %(why)s") % {"why": error}
        raise Refusal(ErrorCode.INVALID, detail) from None
    if len(endpoint) > ENDPOINT_CHARACTERS or len(_decoded(auth)) != AUTH_BYTES:
        raise Refusal(ErrorCode.INVALID, _("This is no subscription."))


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeError, ValueError):
        return b""
