"""What a browser is sent: encrypted for it alone, and signed by this site."""

import time
from urllib.parse import urlsplit

import msgspec
from django.conf import settings
from django.urls import reverse
from pywebpush import WebPusher

from notifications.models import Notification
from notifications.webpush.keys import vapid
from notifications.webpush.models import Subscription

KEEP_SECONDS = 86_400  # by the push service, for a browser that is off
SIGNED_SECONDS = 12 * 3_600


class Message(msgspec.Struct):
    """What templates/webpush/worker.js shows."""

    title: str
    body: str
    url: str
    tag: str


def message_of(notification: Notification) -> bytes:
    data = notification.as_data()
    return msgspec.json.encode(
        Message(
            title=data.text,
            body=data.excerpt,
            url=reverse("notifications:follow", args=[data.id]),
            tag=f"notification-{data.id}",
        )
    )


def encrypted(subscription: Subscription, message: bytes) -> bytes:
    keys = {"p256dh": subscription.p256dh, "auth": subscription.auth}
    pusher = WebPusher({"endpoint": subscription.endpoint, "keys": keys})
    body: bytes = pusher.encode(message)["body"]
    return body


def headers_for(subscription: Subscription, topic: str) -> dict[str, str]:
    """The headers that a push service asks for; a later message of a topic replaces one in wait."""
    parts = urlsplit(subscription.endpoint)
    claims = {
        "aud": f"{parts.scheme}://{parts.netloc}",
        "exp": int(time.time()) + SIGNED_SECONDS,
        "sub": f"mailto:{settings.OWNER_EMAIL}",
    }
    return {
        **vapid().sign(claims),
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "TTL": str(KEEP_SECONDS),
        "Topic": topic,
    }
