"""What people type is shown on pages as text, wherever it stands."""

import pytest
from django.test import Client

from accounts.models import User
from chat import actions
from chat.models import Invitation, Room

# The database has it; whether the forms take it is another test's.
HOSTILE = "<i id=x>Tom & Co</i>"
SHOWN = "&lt;i id=x&gt;Tom &amp; Co&lt;/i&gt;"
PAGES = [
    "/",
    "/rooms/hostile/",
    "/rooms/hostile/settings/",
    "/people/",
    "/people/ada/",
    "/notifications/",
    "/settings/notifications/",
    "/settings/profile/",
]


@pytest.fixture
def rooms(ada: User, bob: User) -> None:
    """Two rooms in which every text that a person types is markup; ada is invited to one."""
    User.objects.update(display_name=HOSTILE)
    for user in (ada, bob):
        user.refresh_from_db()
    hostile = actions.create_room(ada, name="hostile")
    other = actions.create_room(bob, name="other", kind=Room.Kind.PRIVATE)
    Room.objects.update(name=HOSTILE, about=HOSTILE)
    actions.enter(hostile, bob)
    actions.post_message(hostile, bob, client_id="1", body=f"@ada {HOSTILE}")
    actions.invite(other, bob, ada)
    assert Invitation.objects.count() == 1


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.usefixtures("rooms")
def test_a_page_shows_texts_as_they_were_typed(client: Client, ada: User, page: str) -> None:
    client.force_login(ada)
    shown = client.get(page)
    html = shown.content.decode()
    assert shown.status_code == 200
    assert "<i id=x>" not in html
    assert SHOWN in html
