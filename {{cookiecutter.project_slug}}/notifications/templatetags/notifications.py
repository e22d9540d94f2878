"""Notifications in templates: `{% unread_notifications user %}` is how many are unread."""

from django import template

from accounts.models import User
from notifications.queries import unread_count

register = template.Library()


@register.simple_tag
def unread_notifications(user: User) -> int:
    return unread_count(user.pk)
