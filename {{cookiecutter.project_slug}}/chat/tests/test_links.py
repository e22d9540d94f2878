"""A room's invitation link lets in who has it, until it ends."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from chat import actions
from chat.models import Room
from chat.tests.conftest import refused
from chat.tests.test_bans import is_in, signed_in
from realtime.protocol import ErrorCode

pytestmark = pytest.mark.django_db

SETTINGS = "/rooms/engineering/settings/"
ENDED = "This invitation link has expired or was withdrawn."


@pytest.fixture
def link(ada: User, private: Room) -> str:
    actions.make_link(private, ada)
    private.refresh_from_db()
    return f"/join/{private.link_code}/"


def test_a_moderator_makes_replaces_and_withdraws_it(ada: User, private: Room) -> None:
    owner = signed_in(ada)
    change = "/rooms/engineering/link/"
    found = set()
    for _ in range(2):
        assert owner.post(change)["Location"] == f"{SETTINGS}#link"
        private.refresh_from_db()
        assert (
            f"http://testserver/join/{private.link_code}/" in owner.get(SETTINGS).content.decode()
        )
        found.add(private.link_code)
    assert len(found) == 2
    owner.post(change, {"withdraw": ""})
    page = owner.get(SETTINGS).content.decode()
    assert not [code for code in found if str(code) in page]
    assert all(owner.get(f"/join/{code}/").status_code == 404 for code in found)


def test_it_lasts_seven_days(eve: User, private: Room, link: str) -> None:
    assert private.link_until
    assert timedelta(days=6) < private.link_until - timezone.now() <= timedelta(days=7)
    Room.objects.update(link_until=timezone.now())
    page = signed_in(eve).get(link)
    assert page.status_code == 404
    assert ENDED in page.content.decode()
    assert "Engineering" not in page.content.decode()
    assert signed_in(eve).post(link).status_code == 404
    assert not is_in(private, eve)


def test_who_follows_it_sees_the_room_and_joins_by_a_button(
    eve: User, private: Room, link: str
) -> None:
    browser = signed_in(eve)
    page = browser.get(link).content.decode()
    assert "<h1>Engineering</h1>" in page
    assert f'action="{link}"' in page
    assert not is_in(private, eve)
    for _ in range(2):
        assert browser.post(link)["Location"] == "/rooms/engineering/"
    assert private.memberships.get(user=eve).role == "member"
    assert browser.get(link)["Location"] == "/rooms/engineering/"


def test_who_is_signed_out_signs_up_first(link: str) -> None:
    visitor = Client()
    sign_in = visitor.get(link)["Location"]
    assert sign_in == f"/accounts/login/?next={link}"
    assert (
        f"/accounts/signup/?next={link.replace('/', '%2F')}"
        in visitor.get(sign_in).content.decode()
    )
    form = {"username": "mae", "email": "mae@example.com", "password1": "quiet-copper-lantern"}
    assert visitor.post("/accounts/signup/", {**form, "next": link})["Location"] == link
    assert visitor.post(link).status_code == 302
    assert User.objects.get(username="mae").memberships.get().room.slug == "engineering"


@pytest.mark.parametrize("code", ["x", "a%00b", "\u202e", "x" * 500])
def test_a_wrong_one_is_a_page_that_says_so(eve: User, link: str, code: str) -> None:
    page = signed_in(eve).get(f"/join/{code}/")
    assert page.status_code in (400, 404)
    assert "That did not work" in page.content.decode()


def test_who_was_removed_does_not_come_back_by_it(
    ada: User, bob: User, private: Room, link: str
) -> None:
    actions.remove_member(private, ada, bob)
    browser = signed_in(bob)
    for response in (browser.get(link), browser.post(link)):
        assert response.status_code == 403
        assert "You were removed from this room" in response.content.decode()
    assert not is_in(private, bob)


def test_members_and_strangers_make_none(ada: User, bob: User, eve: User, private: Room) -> None:
    for person in (bob, eve):
        for change in (actions.make_link, actions.withdraw_link):
            with refused(ErrorCode.FORBIDDEN):
                change(private, person)
    with refused(ErrorCode.CONFLICT):
        actions.make_link(actions.start_direct(ada, bob), ada)
