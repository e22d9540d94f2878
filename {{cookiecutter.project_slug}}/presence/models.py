"""What the database keeps of a person's presence."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Presence(models.Model):
    """When a person was last seen, and whether they appear offline."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        verbose_name=_("user"),
        primary_key=True,
        related_name="presence",
    )
    last_seen = models.DateTimeField(_("last seen"), null=True, blank=True)
    # A count, not a flag: processes learn of changes in any order, and the highest is the newest.
    visibility = models.PositiveIntegerField(
        default=0, help_text=_("How often the choice was changed; an odd count appears offline.")
    )

    class Meta:
        verbose_name = _("presence")
        verbose_name_plural = _("presence")

    def __str__(self) -> str:
        return str(self.user)

    @property
    def hidden(self) -> bool:
        return self.visibility % 2 == 1
