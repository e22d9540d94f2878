from django.apps import AppConfig


class TelegramConfig(AppConfig):
    name = "bridges.telegram"
    label = "telegram"
    verbose_name = "Telegram"

    def ready(self) -> None:
        from bridges.telegram import linking, sending  # noqa: F401 (connect to signals)
