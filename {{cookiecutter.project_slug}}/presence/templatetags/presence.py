"""Presence in templates: `{% presence %}` once on a page, for somebody who is signed in."""

from django import template
from django.template.context import Context

register = template.Library()


@register.inclusion_tag("presence/_presence.html", takes_context=True)
def presence(context: Context) -> dict[str, object]:
    """Counts the page's person as here, and shows how others are (see `presence.js`)."""
    return {"request": context["request"]}
