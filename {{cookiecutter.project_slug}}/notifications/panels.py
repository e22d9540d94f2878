"""What other apps add to the pages of this one."""

_templates: list[str] = []
_scripts: list[str] = []


def register(template: str, *, script: str) -> None:
    """Add to the choice of what to be told of, and to the bell.

    Args:
        template: shown below the choices; it is given what every template is given, and no more.
        script: a module among the static files, which every page with a bell loads.
    """
    _templates.append(template)
    _scripts.append(script)


def panels() -> list[str]:
    return list(_templates)


def scripts() -> list[str]:
    return list(_scripts)
