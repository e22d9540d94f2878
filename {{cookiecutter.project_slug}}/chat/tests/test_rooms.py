"""Making, naming and ending rooms."""

import pytest

from accounts.models import User
from chat import actions
from chat.models import Invitation, Membership, Message, Room
from chat.tests.conftest import Published, Say, refused
from realtime.protocol import CloseCode, ErrorCode

pytestmark = pytest.mark.django_db


def test_whoever_makes_a_room_owns_it(ada: User) -> None:
    room = actions.create_room(ada, name=" Ship   it ", about=" What\nwe ship ")
    assert (room.slug, room.name, room.about, room.kind) == (
        "ship-it",
        "Ship it",
        "What\nwe ship",
        "public",
    )
    assert room.memberships.get().role == Membership.Role.OWNER


@pytest.mark.parametrize(
    ("name", "slug"), [("Ünïcode", "unicode"), ("日本語", "room"), ("🎉", "room"), ("--", "room")]
)
def test_every_name_gives_an_address(ada: User, name: str, slug: str) -> None:
    assert actions.create_room(ada, name=name).slug == slug


def test_rooms_of_the_same_name_have_addresses_of_their_own(ada: User) -> None:
    first, second = (actions.create_room(ada, name="General") for _ in range(2))
    assert first.slug == "general"
    assert second.slug.startswith("general-")


def test_a_room_never_has_the_address_of_a_page(ada: User) -> None:
    assert actions.create_room(ada, name="New").slug.startswith("new-")


@pytest.mark.parametrize(
    ("name", "about", "code"),
    [
        ("", "", ErrorCode.INVALID),
        (" \n ", "", ErrorCode.INVALID),
        ("a\x00b", "", ErrorCode.INVALID),
        ("\ud800", "", ErrorCode.INVALID),
        ("a" * 81, "", ErrorCode.TOO_LARGE),
        ("a", "a\x00b", ErrorCode.INVALID),
        ("a", "a" * 301, ErrorCode.TOO_LARGE),
    ],
)
def test_a_name_that_is_none_is_refused(ada: User, name: str, about: str, code: ErrorCode) -> None:
    with refused(code):
        actions.create_room(ada, name=name, about=about)
    assert not Room.objects.exists()


def test_a_room_is_public_or_private(ada: User) -> None:
    with refused(ErrorCode.INVALID):
        actions.create_room(ada, name="Us", kind="direct")


def test_moderators_rename_a_room(ada: User, bob: User, public: Room, published: Published) -> None:
    actions.change_role(public, ada, bob, "moderator")
    actions.update_room(public, bob, name="Lobby", about="Come in")
    public.refresh_from_db()
    assert (public.slug, public.name, public.about) == ("general", "Lobby", "Come in")
    assert published.last("room.updated")["data"] == {
        "room": {
            "slug": "general",
            "name": "Lobby",
            "kind": "public",
            "about": "Come in",
            "archived": False,
        }
    }


def test_members_and_strangers_do_not_rename_a_room(bob: User, eve: User, public: Room) -> None:
    for user in (bob, eve):
        with refused(ErrorCode.FORBIDDEN):
            actions.update_room(public, user, name="Mine", about="")


def test_a_direct_room_has_no_name_to_change(ada: User, bob: User) -> None:
    with refused(ErrorCode.CONFLICT):
        actions.update_room(actions.start_direct(ada, bob), None, name="Us", about="")


def test_a_deleted_room_takes_everything_with_it_and_turns_its_people_out(
    ada: User, bob: User, eve: User, public: Room, say: Say, published: Published
) -> None:
    say(public, bob)
    actions.invite(public, ada, eve)
    published.events.clear()
    actions.delete_room(public)
    for model in (Room, Membership, Invitation, Message):
        assert not model._default_manager.exists()
    turned_out = {
        user_id for _, user_id, code in published.dismissed if code == CloseCode.NOT_FOUND
    }
    assert {ada.pk, bob.pk} <= turned_out
    assert published.types(f"rooms:{eve.pk}") == ["rooms.changed"]


def test_nothing_is_done_in_a_room_that_is_gone(ada: User, public: Room, say: Say) -> None:
    gone = Room.objects.get(pk=public.pk)
    actions.delete_room(public)
    with refused(ErrorCode.NOT_FOUND):
        say(gone, ada)


def test_two_people_have_one_direct_room_whoever_starts(ada: User, bob: User) -> None:
    room = actions.start_direct(ada, bob)
    assert actions.start_direct(bob, ada) == room
    assert room.kind == Room.Kind.DIRECT
    assert set(room.memberships.values_list("user", "role")) == {
        (ada.pk, "member"),
        (bob.pk, "member"),
    }


def test_a_new_direct_room_shows_with_both_people_and_only_once(
    ada: User, bob: User, published: Published
) -> None:
    for _ in range(2):
        actions.start_direct(ada, bob)
    for user in (ada, bob):
        assert published.types(f"rooms:{user.pk}") == ["rooms.changed"]


def test_nobody_starts_a_direct_room_with_themselves(ada: User) -> None:
    with refused(ErrorCode.CONFLICT):
        actions.start_direct(ada, ada)


def test_a_deactivated_person_is_not_to_be_talked_to(ada: User, bob: User) -> None:
    bob.is_active = False
    with refused(ErrorCode.NOT_FOUND):
        actions.start_direct(ada, bob)
