"""What people have asked to hear of, where it is not the default."""

from django.conf import settings
from django.db import models

from notifications.levels import Level, TargetLevel


class KindPreference(models.Model):
    """A person's level for one kind of notification."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    kind = models.CharField(max_length=64)
    level = models.CharField(max_length=10, choices=Level)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "kind"], name="one_preference_per_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.level}"


class TargetPreference(models.Model):
    """A person's level for one target, such as the room `chat:general`."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    target = models.CharField(max_length=100)
    level = models.CharField(max_length=10, choices=TargetLevel)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "target"], name="one_preference_per_target"),
        ]
        indexes = [models.Index(fields=["target", "level"], name="who_wants_what_of_a_target")]

    def __str__(self) -> str:
        return f"{self.target}: {self.level}"
