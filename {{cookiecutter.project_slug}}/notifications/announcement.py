"""Announcements: what the site's own people tell everyone, or some (`manage.py notify`)."""

from django.core.exceptions import ValidationError

from notifications.kinds import Kind
from notifications.kinds import register as register_kind
from notifications.links import is_link

ANNOUNCEMENT = "announcement"
TEXT_CHARACTERS = 300


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


def validate_link(link: str) -> None:
    if not is_link(link):
        raise ValidationError("Give a path of this site, such as /people/, or an https:// address.")
