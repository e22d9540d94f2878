"""A restored database is not taken for the one that clients knew."""

import pytest
from django.apps import apps
from django.core.management import call_command

from accounts.models import User


def test_every_numbered_history_begins_anew(ada: User, capsys: pytest.CaptureFixture[str]) -> None:
    room = apps.get_model("chat", "Room").objects.create(slug="general", last_rev=7)
    inbox, _ = apps.get_model("notifications", "Inbox").objects.get_or_create(user=ada)
    before = room.epoch, inbox.epoch

    call_command("new_epochs")

    room.refresh_from_db()
    inbox.refresh_from_db()
    assert room.epoch != before[0]
    assert inbox.epoch != before[1]
    assert room.last_rev == 7
    assert "chat.Room: 1 begin anew" in capsys.readouterr().out
