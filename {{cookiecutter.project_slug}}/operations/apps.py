"""Operations as a Django app."""

from django.apps import AppConfig


class OperationsConfig(AppConfig):
    name = "operations"

    def ready(self) -> None:
        from operations import checks  # noqa: F401 (registers the checks)
