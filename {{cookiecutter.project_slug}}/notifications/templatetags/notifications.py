"""Notifications in templates: `{% unread_notifications user %}` is how many are unread, and
`{% target_form user "chat:general" %}` the choice of how much to be told of a target."""

from django import template

from accounts.models import User
from notifications.forms import TargetForm
from notifications.queries import target_level, unread_count

register = template.Library()


@register.simple_tag
def unread_notifications(user: User) -> int:
    return unread_count(user.pk)


@register.simple_tag
def target_form(user: User, target: str) -> TargetForm:
    return TargetForm(initial={"target": target, "level": target_level(user.pk, target)})
