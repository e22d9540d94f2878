"""What pages show of apps that a project may not have: `{% include_if_installed %}`."""

from django import template
from django.template.context import Context
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag(takes_context=True)
def include_if_installed(context: Context, name: str) -> SafeString | str:
    """Include a template of an app that a project may not have."""
    try:
        found = context.template.engine.get_template(name)  # type: ignore[union-attr]  # it renders
    except template.TemplateDoesNotExist:
        return ""
    with context.push():
        return found.render(context)
