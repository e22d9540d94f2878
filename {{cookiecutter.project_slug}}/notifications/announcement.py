"""Announcements: what the site's own people tell everyone, or some (`manage.py notify`)."""

from notifications.kinds import Kind
from notifications.kinds import register as register_kind

ANNOUNCEMENT = "announcement"


def register() -> None:
    register_kind(
        Kind(
            name=ANNOUNCEMENT,
            title="Announcements",
            text="{text}",
            link="{link}",
            groups=False,
            icon="info",
        )
    )
