"""Announcements, from the command line and from the admin."""

import signal
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.models import Group, Permission
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from notifications import actions, queries
from notifications.actions import notify
from notifications.management.commands import notify as command
from notifications.models import Notification
from notifications.queries import of

pytestmark = pytest.mark.django_db

PEOPLE = "admin:accounts_user_changelist"
MISLEADING = ["a\x00b", "\x1b[31m", "\u202edadA", "a\u200eb", "\u3164", "Z" + "\u0351" * 50]


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def announce(*arguments: str, stderr: StringIO | None = None) -> str:
    said = StringIO()
    call_command("notify", *arguments, stdout=said, stderr=stderr or StringIO())
    return said.getvalue()


def test_everyone_is_told(ada: User, bob: User) -> None:
    User.objects.create(username="gone", is_active=False)

    assert announce("The site is down on Sunday.", "--everyone", "--link", "/people/") == (
        "Told 2 of 2 people.\n"
    )
    assert of(bob.pk).get().text == "The site is down on Sunday."
    assert of(bob.pk).get().link == "/people/"


def test_groups_and_people_are_told_once_each(people: list[User]) -> None:
    for name in ("Choir", "Band"):
        people[0].groups.add(Group.objects.create(name=name))

    announce("Hello", "--group", "Choir", "--group", "Band", "--user", people[1].username)
    announce("Hello", "--user", people[0].username, "--group", "Band")

    assert [of(person.pk).count() for person in people[:3]] == [2, 1, 0]


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ([], "Say to whom"),
        (["--user", "nobody"], "no user called nobody"),
        (["--group", "Nobodies"], "no group called Nobodies"),
        (["--everyone", "--link", "javascript:alert(1)"], "--link"),
    ],
)
def test_what_makes_no_sense_is_said_and_told_to_nobody(
    ada: User, arguments: list[str], fault: str
) -> None:
    with pytest.raises(CommandError, match=fault):
        announce("Hello", *arguments)

    assert not Notification.objects.exists()


@pytest.mark.parametrize("text", ["", "  ", "x" * 301, "\x00", *MISLEADING])
def test_a_text_that_cannot_be_told_is_refused(ada: User, text: str) -> None:
    with pytest.raises(CommandError, match="Give a text"):
        announce(text, "--everyone")


def test_a_line_shows_how_far_it_is_where_somebody_watches(
    people: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "CHUNK_PEOPLE", 1)
    watched, unwatched = Terminal(), StringIO()
    announce("Hello", "--user", people[0].username, "--user", people[1].username, stderr=watched)
    announce("Hello", "--everyone", stderr=unwatched)

    shown = [line.partition(",")[0] for line in watched.getvalue().split("\r")]
    assert shown == ["", "1 of 2 people", "2 of 2 people"]
    assert watched.getvalue().endswith(" a second\x1b[K\n")
    assert unwatched.getvalue() == ""


def test_ctrl_c_stops_it_where_it_can_go_on(
    people: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "CHUNK_PEOPLE", 2)

    def notify_and_stop(*args: Any, **data: Any) -> int:  # Any: as `notify`
        signal.raise_signal(signal.SIGINT)
        return notify(*args, **data)

    monkeypatch.setattr(command, "notify", notify_and_stop)
    total, last = len(people), people[1].pk
    with pytest.raises(CommandError) as stopped:
        announce("Hello", "--everyone")
    assert str(stopped.value) == (
        f"Stopped after 2 of {total} people; run it again with --after {last} for the rest."
    )
    assert stopped.value.returncode == 130
    monkeypatch.undo()

    assert announce("Hello", "--everyone", "--after", str(last)) == (
        f"Told {total - 2} of {total - 2} people.\n"
    )
    assert [of(person.pk).count() for person in people] == [1] * total


def test_pruning_says_how_much_went(ada: User) -> None:
    notify([ada], "test.noise")
    actions.mark_all_read(ada)
    said = StringIO()

    Notification.objects.update(read_at=timezone.now() - timedelta(days=91))
    call_command("prune_notifications", stdout=said)

    assert said.getvalue() == "Dropped 1 notifications.\n"


# In the admin


def staff(*permissions: str) -> Client:
    user = User.objects.create(username="staff", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    browser = Client()
    browser.force_login(user)
    return browser


def test_an_announcement_goes_to_those_who_were_selected(ada: User, bob: User) -> None:
    browser = staff("view_user", "change_user", "add_notification")
    chosen = {"action": "announce", ACTION_CHECKBOX_NAME: [ada.pk], "select_across": "0"}

    asked = browser.post(reverse(PEOPLE), chosen)
    assert "Send an announcement" in asked.content.decode()
    assert not Notification.objects.exists()

    browser.post(reverse(PEOPLE), chosen | {"announce": "Send", "text": "Hello", "link": ""})
    assert [row.text for row in of(ada.pk)] == ["Hello"]
    assert not of(bob.pk).exists()


def test_an_announcement_goes_to_all_of_the_list_where_that_was_selected(
    people: list[User],
) -> None:
    browser = staff("view_user", "change_user", "add_notification")
    everyone = {"action": "announce", ACTION_CHECKBOX_NAME: [people[0].pk], "select_across": "1"}

    browser.post(reverse(PEOPLE), everyone | {"announce": "Send", "text": "Hello", "link": ""})

    assert all(of(person.pk).count() == 1 for person in people)


@pytest.mark.parametrize(
    ("text", "link"), [("Hello", "javascript:alert(1)"), *((text, "") for text in MISLEADING)]
)
def test_what_may_not_be_announced_is_asked_for_again(ada: User, text: str, link: str) -> None:
    browser = staff("view_user", "change_user", "add_notification")
    chosen = {"action": "announce", ACTION_CHECKBOX_NAME: [ada.pk], "announce": "Send"}

    browser.post(reverse(PEOPLE), chosen | {"text": text, "link": link})

    assert not Notification.objects.exists()


def test_announcing_needs_its_permission(ada: User) -> None:
    browser = staff("view_user", "change_user")
    chosen = {"action": "announce", ACTION_CHECKBOX_NAME: [ada.pk], "announce": "Send"}

    response = browser.post(reverse(PEOPLE), chosen | {"text": "Hello", "link": ""})

    assert response.status_code == 403
    assert not Notification.objects.exists()
