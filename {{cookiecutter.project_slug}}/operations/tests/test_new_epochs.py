"""A restored database is not taken for the one that clients knew."""

import pytest
from django.core.management import call_command

from realtime.starting.boards.models import Board
from realtime.tests.taps.models import Ledger


@pytest.mark.django_db
def test_every_numbered_history_begins_anew(capsys: pytest.CaptureFixture[str]) -> None:
    board = Board.objects.create(slug="plan", last_rev=7)
    ledger = Ledger.objects.create(slug="debts")
    before = board.epoch, ledger.epoch

    call_command("new_epochs")

    board.refresh_from_db()
    ledger.refresh_from_db()
    assert board.epoch != before[0]
    assert ledger.epoch != before[1]
    assert board.last_rev == 7
    assert "boards.Board: 1 begin anew" in capsys.readouterr().out
