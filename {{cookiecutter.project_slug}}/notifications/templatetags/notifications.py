"""Notifications in templates: `{% bell %}`, and `{% include_if_installed %}`."""

from django import template
from django.template.context import Context
from django.utils.safestring import SafeString

from notifications.queries import unread_count

register = template.Library()


@register.inclusion_tag("notifications/_bell.html", takes_context=True)
def bell(context: Context) -> dict[str, object]:
    """The bell with its count, for somebody who is signed in, and the list that opens from it."""
    request = context["request"]
    return {"unread": unread_count(request.user.pk), "request": request}


@register.simple_tag(takes_context=True)
def include_if_installed(context: Context, name: str) -> SafeString | str:
    """Include a template of an app that a project may not have."""
    try:
        found = context.template.engine.get_template(name)  # type: ignore[union-attr]  # it renders
    except template.TemplateDoesNotExist:
        return ""
    return found.render(context)
