"""How much a person wants to hear."""

from django.db.models import TextChoices


class Level(TextChoices):
    """Of one kind of notification, wherever it comes from."""

    EVERYTHING = "everything", "Always"
    """Listed, and brought to them: shown on the desktop, pushed, e-mailed when it stays unread."""
    QUIET = "quiet", "Quietly"
    """Listed and counted, no more."""
    NOTHING = "nothing", "Never"


class TargetLevel(TextChoices):
    """Of one target, such as a room, whatever the kind."""

    EVERYTHING = "everything", "Everything"
    MENTIONS = "mentions", "Mentions"
    """Only what is meant for this person. So it is where they have set nothing."""
    NOTHING = "nothing", "Nothing"
