"""Telegram: people read and write rooms from a chat with the site's bot; see docs/telegram.md."""
