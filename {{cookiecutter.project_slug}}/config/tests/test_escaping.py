"""What people type is shown on pages as text, wherever it stands."""

import pytest
from django.test import Client

from accounts.models import User
from chat import actions
from chat.models import Room

# The database has it; whether the forms take it is another test's.
HOSTILE = "<i id=x>Tom & Co</i>"
SHOWN = "&lt;i id=x&gt;Tom &amp; Co&lt;/i&gt;"
PAGES = [
    "/",
    "/rooms/hostile/",
    "/rooms/hostile/settings/",
    "/rooms/direct/",
    "/people/",
    "/people/ada/",
    "/search/?q=tom",
    "/notifications/",
    "/settings/notifications/",
    "/settings/profile/",
]


@pytest.fixture
def eve(db: None) -> User:
    return User.objects.create(username="eve")


@pytest.fixture
def rooms(ada: User, bob: User, eve: User) -> None:
    """Rooms in which every text that a person types is markup: ada is in one, is invited to
    another, and may join a third."""
    for user in (ada, bob, eve):
        user.display_name = f"{HOSTILE}{user.username}"
        user.save()
    hostile = actions.create_room(ada, name="hostile")
    other = actions.create_room(bob, name="other", kind=Room.Kind.PRIVATE)
    actions.create_room(bob, name="joinable")
    actions.invite(hostile, ada, eve)
    actions.start_direct(ada, bob)
    Room.objects.update(name=HOSTILE, about=HOSTILE)
    actions.enter(hostile, bob)
    actions.post_message(hostile, bob, client_id="1", body=f"@ada {HOSTILE}")
    actions.invite(other, bob, ada)
    Room.objects.filter(kind=Room.Kind.DIRECT).update(slug="direct")


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.usefixtures("rooms")
def test_a_page_shows_texts_as_they_were_typed(client: Client, ada: User, page: str) -> None:
    client.force_login(ada)
    shown = client.get(page)
    html = shown.content.decode()
    assert shown.status_code == 200
    assert "<i id=x>" not in html
    assert SHOWN in html


@pytest.mark.usefixtures("rooms")
def test_an_answer_to_a_form_shows_texts_as_they_were_typed(client: Client, bob: User) -> None:
    client.force_login(bob)
    shown = client.post("/rooms/hostile/leave/", follow=True)
    html = shown.content.decode()
    assert "<i id=x>" not in html
    assert f"You left {SHOWN}." in html
