"""Kinds and people to test with."""

import pytest
from django.db.models import F

from accounts.models import User
from notifications import kinds
from notifications.kinds import Kind
from notifications.levels import Level
from notifications.models import Inbox, Notification
from notifications.models.notification import UNREAD
from notifications.targets import Target, _prefixes

KINDS = [
    Kind("test.call", "Calls", "{actor} called from {room}", link="/rooms/{room}/"),
    Kind("test.reply", "Replies", "{actor} answered in {room}", excerpt="{room}"),
    Kind("test.noise", "Noises", "Something stirred", personal=False, groups=False),
    Kind("test.rumour", "Rumours", "They say {rumour}", default=Level.QUIET, groups=False),
]


@pytest.fixture(autouse=True)
def known_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Besides those of the project, the kinds `test.*`."""
    for kind in KINDS:
        monkeypatch.setitem(kinds._kinds, kind.name, kind)


@pytest.fixture(autouse=True)
def known_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Targets `test:...`: everyone can follow `test:hall`, and `test:` with their own name."""

    def followed(user: User, keys: list[str] | None) -> list[Target]:
        reachable = [Target("test:hall", "Hall"), Target(f"test:{user.username}", "Own")]
        return [target for target in reachable if keys is None or target.key in keys]

    monkeypatch.setitem(_prefixes, "test", followed)


@pytest.fixture
def people(db: None) -> list[User]:
    """Eight people, by id."""
    made = User.objects.bulk_create(User(username=f"person{n}") for n in range(8))
    return sorted(made, key=lambda user: user.pk)


def assert_numbers_hold(user: User) -> None:
    """Each row has a change of its own, the latest of them is the head, and the count is right."""
    inbox = Inbox.objects.get(user=user)
    rows = Notification.objects.filter(recipient=user)
    revs = list(rows.values_list("rev", flat=True))
    assert len(set(revs)) == len(revs)
    assert max(revs, default=0) <= inbox.last_rev
    assert not rows.filter(seq__gt=F("rev")).exists()
    assert inbox.unread == rows.filter(UNREAD).count()
