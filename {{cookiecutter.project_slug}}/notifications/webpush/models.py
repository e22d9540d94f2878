"""Browsers that want to be pushed to, and what is on its way to them."""

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


class Delivery(models.Model):
    """A notification on its way to a browser, until it has arrived or is given up."""

    subscription = models.ForeignKey(
        Subscription, on_delete=models.CASCADE, related_name="deliveries", db_index=False
    )
    notification = models.BigIntegerField()  # by its id: it may be gone by the time it is sent
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(
                fields=["subscription", "notification"], name="one_delivery_per_notification"
            ),
        ]

    def __str__(self) -> str:
        return f"notification {self.notification} to {self.subscription}"
