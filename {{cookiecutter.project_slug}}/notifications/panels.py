"""What other apps add to the page where one chooses what to be told of."""

_templates: list[str] = []


def register(template: str) -> None:
    """Show a template below the choices. It is given what every template is given, and no more."""
    _templates.append(template)


def panels() -> list[str]:
    return list(_templates)
