"""Notifications in templates: `{% bell %}`."""

from django import template
from django.template.context import Context

from notifications.panels import scripts
from notifications.queries import unread_count

register = template.Library()


@register.inclusion_tag("notifications/_bell.html", takes_context=True)
def bell(context: Context) -> dict[str, object]:
    """The bell with its count, for somebody who is signed in, and the list that opens from it."""
    request = context["request"]
    unread = unread_count(request.user.pk)
    return {"unread": unread, "scripts": scripts(), "request": request}
