"""Web push in templates: `{% push_key %}`."""

from django import template

from notifications.webpush.keys import is_configured, public_key

register = template.Library()


@register.simple_tag
def push_key() -> str:
    """The site's public key, for the browser to subscribe with; empty where there is none."""
    return public_key() if is_configured() else ""
