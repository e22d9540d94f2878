"""Kinds and people to test with."""

from collections.abc import Collection, Mapping

import pytest
from django.db.models import Count, F

from accounts.models import User
from notifications import kinds
from notifications.kinds import Kind, Level
from notifications.models import UNREAD, Inbox, Notification
from realtime import topics
from realtime.topics import Topic

KINDS = [
    Kind("test.call", "Calls", "{actor} called from {room}", link="/rooms/{room}/"),
    Kind("test.reply", "Replies", "{actor} answered in {room}", excerpt="{room}"),
    Kind("test.noise", "Noises", "Something stirred", personal=False, groups=False),
    Kind("test.rumour", "Rumours", "They say {rumour}", default=Level.QUIET, groups=False),
]


class HallTopic(Topic):
    prefix = "test"

    def names_for(self, user_id: int, keys: Collection[str] | None = None) -> Mapping[str, str]:
        names = {"hall": "Hall", User.objects.get(pk=user_id).username: "Own"}
        return {key: name for key, name in names.items() if keys is None or key in keys}

    def link(self, key: str) -> str:
        return f"/halls/{key}/"


@pytest.fixture(autouse=True)
def known_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Besides those of the project, the kinds `test.*`."""
    for kind in KINDS:
        monkeypatch.setitem(kinds._kinds, kind.name, kind)


@pytest.fixture(autouse=True)
def known_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Targets `test:...`: everyone can follow `test:hall`, and `test:` with their own name."""
    monkeypatch.setitem(topics._topics, "test", HallTopic())


@pytest.fixture
def people(db: None) -> list[User]:
    """Eight people, by id."""
    made = User.objects.bulk_create(User(username=f"person{n}") for n in range(8))
    return sorted(made, key=lambda user: user.pk)


def assert_numbers_hold(user: User) -> None:
    """Each row has a change of its own, none is above the head, and the counts are right."""
    inbox = Inbox.objects.get(user=user)
    rows = Notification.objects.filter(recipient=user)
    revs = list(rows.values_list("rev", flat=True))
    assert len(set(revs)) == len(revs)
    assert max(revs, default=0) <= inbox.last_rev
    assert not rows.filter(seq__gt=F("rev")).exists()
    assert inbox.unread == rows.filter(UNREAD).count()
    counted = rows.annotate(counted=Count("happenings")).filter(deleted_at=None)
    assert not counted.exclude(count=F("counted")).exists()
