"""The Bot API that every bake with the bridge has for its own tests."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any

from tests.environment import SOURCE

FILE = SOURCE / "bridges/telegram/tests/service.py"


def service() -> Any:  # Any: a module of the bake, which mypy checks there
    """That module: `BotApi`, `bot_api`, `TOKEN`."""
    spec = spec_from_file_location("telegram_service", FILE)
    assert spec
    assert spec.loader
    module = sys.modules[spec.name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
