"""Browsers that want to be pushed to."""

from hashlib import sha256

from django.conf import settings
from django.db import models
from django.utils import timezone

ENDPOINT_CHARACTERS = 1_000


class Subscription(models.Model):
    """A browser in which somebody is signed in, and where its push service takes messages.

    It lives as long as the session that it was made in: who signs out on a shared computer, or
    changes a stolen password, is not told of there any more.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    session_key = models.CharField(max_length=40)
    digest = models.CharField(max_length=64, unique=True)  # an endpoint is too long for an index
    endpoint = models.CharField(max_length=ENDPOINT_CHARACTERS)
    p256dh = models.CharField(max_length=100)
    auth = models.CharField(max_length=32)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"of {self.user}"

    @staticmethod
    def digest_of(endpoint: str) -> str:
        return sha256(endpoint.encode()).hexdigest()
