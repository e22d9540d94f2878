"""The site's own key, by which push services know it (VAPID, RFC 8292)."""

import base64
from functools import cache
from hashlib import sha512
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings
from django.core import checks
from py_vapid import Vapid02

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def is_configured() -> bool:
    return bool(settings.WEB_PUSH_SECRET)


@cache
def vapid() -> Vapid02:
    """Signs the site's requests.

    A private key of P-256 is a number below the group's order, so any long secret makes one: it
    needs no tool to generate. With another secret every browser has to subscribe again.
    """
    number = int.from_bytes(sha512(settings.WEB_PUSH_SECRET.encode()).digest())
    return Vapid02(ec.derive_private_key(number % (P256_ORDER - 1) + 1, ec.SECP256R1()))


@cache
def public_key() -> str:
    """`applicationServerKey` for the browser, in unpadded base64url."""
    point = vapid().public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return base64.urlsafe_b64encode(point).rstrip(b"=").decode()


@checks.register
def check_secret(
    app_configs: Any,  # Any: Django's signature
    **kwargs: Any,
) -> list[checks.CheckMessage]:
    """System check: there is a key."""
    if is_configured():
        return []
    return [
        checks.Warning(
            "WEB_PUSH_SECRET is not set, so browsers that are closed are not told of anything.",
            hint="Give it a long random text, for example from `openssl rand -base64 48`.",
            id="webpush.W001",
        )
    ]
