"""People in templates: `avatar person`, or `avatar person "large"`."""

from django import template

from accounts.models import Person, User

register = template.Library()


@register.inclusion_tag("accounts/avatar.html")
def avatar(person: User | Person, size: str = "medium") -> dict[str, object]:
    """The person's initials on their colour; `size` is tiny, small, medium or large.

    It is hidden from screen readers: show the name beside it.
    """
    shown = person if isinstance(person, dict) else person.as_person()
    return {"person": shown, "size": size}
