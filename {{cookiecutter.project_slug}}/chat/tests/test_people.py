"""Entering, inviting, leaving, removing, roles."""

import re

import pytest
from django.db import connection

from accounts.forms import set_portrait
from accounts.models import User
from chat import actions
from chat.actions.people import messages_touched_by
from chat.models import Invitation, Message, Room
from chat.queries import members_shown
from chat.tests.conftest import Published, Say, refused
from realtime.protocol import CloseCode, ErrorCode

pytestmark = pytest.mark.django_db


def role_of(room: Room, user: User) -> str:
    return room.memberships.get(user=user).role


def is_member(room: Room, user: User) -> bool:
    return room.memberships.filter(user=user).exists()


def test_whoever_comes_to_a_public_room_becomes_a_member_once(
    eve: User, public: Room, published: Published
) -> None:
    for _ in range(2):
        assert actions.enter(public, eve).role == "member"
    assert published.types("chat:general") == ["member.joined"]
    assert published.last("member.joined")["data"]["member"]["username"] == "eve"
    assert published.types(f"rooms:{eve.pk}") == ["rooms.changed"]


def test_a_new_member_has_nothing_to_catch_up_with(
    ada: User, eve: User, public: Room, say: Say
) -> None:
    last = say(public, ada)
    assert actions.enter(public, eve).last_read == last.rev


def test_a_new_picture_is_shown_in_the_rooms_of_its_person(
    bob: User, public: Room, published: Published
) -> None:
    set_portrait(bob, b"a picture")
    picture = f"/portraits/{bob.portrait}/"
    assert published.last("member.updated")["data"]["member"]["picture"] == picture
    shown, _ = members_shown(public)
    assert [person.get("picture") for person in shown] == [picture, None]


def test_a_private_room_and_a_direct_one_are_entered_by_their_members_only(
    ada: User, bob: User, eve: User, private: Room
) -> None:
    for room in (private, actions.start_direct(ada, bob)):
        assert actions.enter(room, bob)
        with refused(ErrorCode.FORBIDDEN):
            actions.enter(room, eve)


def test_whoever_comes_to_an_empty_room_owns_it(
    ada: User, bob: User, eve: User, public: Room
) -> None:
    for user in (ada, bob):
        actions.leave_room(public, user)
    assert actions.enter(public, eve).role == "owner"


def test_an_invitation_waits_until_it_is_accepted(
    ada: User, eve: User, private: Room, published: Published
) -> None:
    actions.invite(private, ada, eve)
    assert not is_member(private, eve)
    assert published.types(f"rooms:{eve.pk}") == ["rooms.changed"]
    actions.accept_invitation(private, eve)
    assert is_member(private, eve)
    assert not Invitation.objects.exists()
    assert published.types("chat:engineering") == ["member.joined"]


def test_a_declined_invitation_is_gone(ada: User, eve: User, private: Room) -> None:
    actions.invite(private, ada, eve)
    actions.decline_invitation(private, eve)
    assert not is_member(private, eve)
    actions.decline_invitation(private, eve)
    with refused(ErrorCode.NOT_FOUND):
        actions.accept_invitation(private, eve)


def test_inviting_twice_is_one_invitation(ada: User, eve: User, private: Room) -> None:
    assert actions.invite(private, ada, eve) == actions.invite(private, ada, eve)


def test_to_a_private_room_moderators_invite_and_to_a_public_one_any_member(
    bob: User, eve: User, private: Room, public: Room
) -> None:
    with refused(ErrorCode.FORBIDDEN):
        actions.invite(private, bob, eve)
    assert actions.invite(public, bob, eve)


def test_a_stranger_invites_nobody(bob: User, eve: User, public: Room) -> None:
    with refused(ErrorCode.FORBIDDEN):
        actions.invite(public, eve, bob)


def test_there_is_no_inviting_members_or_to_direct_rooms_or_the_deactivated(
    ada: User, bob: User, eve: User, public: Room
) -> None:
    with refused(ErrorCode.CONFLICT):
        actions.invite(public, ada, bob)
    with refused(ErrorCode.CONFLICT):
        actions.invite(actions.start_direct(ada, bob), ada, eve)
    eve.is_active = False
    with refused(ErrorCode.NOT_FOUND):
        actions.invite(public, ada, eve)


def test_entering_a_public_room_answers_its_invitation(ada: User, eve: User, public: Room) -> None:
    actions.invite(public, ada, eve)
    actions.enter(public, eve)
    assert not Invitation.objects.exists()


def test_an_invitation_is_taken_back_by_its_sender_or_a_moderator(
    ada: User, bob: User, eve: User, public: Room
) -> None:
    actions.invite(public, ada, eve)
    with refused(ErrorCode.FORBIDDEN):
        actions.withdraw_invitation(public, bob, eve)
    actions.withdraw_invitation(public, ada, eve)
    actions.invite(public, bob, eve)
    actions.withdraw_invitation(public, ada, eve)
    assert not Invitation.objects.exists()


def test_a_removed_person_is_turned_out_at_once(
    ada: User, bob: User, private: Room, published: Published
) -> None:
    actions.remove_member(private, ada, bob)
    assert not is_member(private, bob)
    assert published.types("chat:engineering") == ["member.left"]
    assert published.last("member.left")["data"] == {"user_id": bob.pk}
    assert published.dismissed == [("chat:engineering", bob.pk, CloseCode.FORBIDDEN)]
    assert published.types(f"rooms:{bob.pk}") == ["rooms.changed"]


def test_members_and_strangers_remove_nobody(ada: User, bob: User, eve: User, public: Room) -> None:
    for by in (bob, eve):
        with refused(ErrorCode.FORBIDDEN):
            actions.remove_member(public, by, ada)


def test_an_owner_is_not_removed_even_by_another(ada: User, bob: User, public: Room) -> None:
    actions.change_role(public, ada, bob, "owner")
    with refused(ErrorCode.FORBIDDEN):
        actions.remove_member(public, bob, ada)


def test_a_moderator_removes_members_but_no_moderator(
    ada: User, bob: User, eve: User, public: Room
) -> None:
    actions.enter(public, eve)
    for user in (bob, eve):
        actions.change_role(public, ada, user, "moderator")
    with refused(ErrorCode.FORBIDDEN):
        actions.remove_member(public, bob, eve)
    actions.change_role(public, ada, eve, "member")
    actions.remove_member(public, bob, eve)
    assert not is_member(public, eve)


def test_nobody_removes_themselves_or_from_a_direct_room(
    ada: User, bob: User, public: Room
) -> None:
    with refused(ErrorCode.CONFLICT):
        actions.remove_member(public, ada, ada)
    with refused(ErrorCode.CONFLICT):
        actions.remove_member(actions.start_direct(ada, bob), ada, bob)


def test_a_member_leaves(bob: User, public: Room, published: Published) -> None:
    actions.leave_room(public, bob)
    assert not is_member(public, bob)
    assert published.dismissed == [("chat:general", bob.pk, CloseCode.FORBIDDEN)]


def test_leaving_twice_is_harmless_and_nobody_leaves_a_direct_room(
    ada: User, bob: User, public: Room
) -> None:
    for _ in range(2):
        actions.leave_room(public, bob)
    with refused(ErrorCode.CONFLICT):
        actions.leave_room(actions.start_direct(ada, bob), ada)


def test_the_last_owner_hands_over_to_a_moderator_before_an_older_member(
    ada: User, bob: User, eve: User, public: Room
) -> None:
    actions.enter(public, eve)
    actions.change_role(public, ada, eve, "moderator")
    actions.leave_room(public, ada)
    assert (role_of(public, bob), role_of(public, eve)) == ("member", "owner")


def test_without_moderators_the_oldest_member_takes_over(
    ada: User, bob: User, eve: User, public: Room
) -> None:
    actions.enter(public, eve)
    actions.leave_room(public, ada)
    assert (role_of(public, bob), role_of(public, eve)) == ("owner", "member")


def test_an_owner_who_is_not_the_last_leaves_without_an_heir(
    ada: User, bob: User, eve: User, public: Room
) -> None:
    actions.enter(public, eve)
    actions.change_role(public, ada, bob, "owner")
    actions.leave_room(public, ada)
    assert (role_of(public, bob), role_of(public, eve)) == ("owner", "member")


def test_owners_give_roles(ada: User, bob: User, public: Room, published: Published) -> None:
    actions.change_role(public, ada, bob, "moderator")
    assert role_of(public, bob) == "moderator"
    assert published.last("member.updated")["data"]["member"]["role"] == "moderator"


def test_moderators_give_no_roles(ada: User, bob: User, public: Room) -> None:
    actions.change_role(public, ada, bob, "moderator")
    with refused(ErrorCode.FORBIDDEN):
        actions.change_role(public, bob, bob, "owner")


def test_an_owner_steps_down_only_when_there_is_another(ada: User, bob: User, public: Room) -> None:
    with refused(ErrorCode.CONFLICT):
        actions.change_role(public, ada, ada, "member")
    actions.change_role(public, ada, bob, "owner")
    with refused(ErrorCode.FORBIDDEN):
        actions.change_role(public, bob, ada, "member")
    assert actions.change_role(public, ada, ada, "member").role == "member"


def test_roles_are_known_and_given_to_members_of_rooms_that_have_them(
    ada: User, bob: User, eve: User, public: Room
) -> None:
    with refused(ErrorCode.INVALID):
        actions.change_role(public, ada, bob, "king")
    with refused(ErrorCode.NOT_FOUND):
        actions.change_role(public, ada, eve, "moderator")
    with refused(ErrorCode.CONFLICT):
        actions.change_role(actions.start_direct(ada, bob), ada, bob, "owner")


def test_the_site_expels_even_an_owner_who_has_to_hand_over(
    ada: User, bob: User, public: Room
) -> None:
    actions.remove_member(public, None, ada)
    assert role_of(public, bob) == "owner"
    with refused(ErrorCode.CONFLICT):
        actions.remove_member(actions.start_direct(ada, bob), None, ada)


def test_a_private_room_that_nobody_can_enter_any_more_is_deleted(
    ada: User, bob: User, eve: User, private: Room
) -> None:
    actions.invite(private, ada, eve)
    actions.leave_room(private, ada)
    actions.remove_member(private, None, bob)
    assert Room.objects.filter(pk=private.pk).exists()  # eve may still come
    actions.decline_invitation(private, eve)
    assert not Room.objects.filter(pk=private.pk).exists()


def test_a_public_room_outlasts_its_members(ada: User, bob: User, public: Room) -> None:
    for user in (ada, bob):
        actions.leave_room(public, user)
    assert Room.objects.filter(pk=public.pk).exists()


def test_what_somebody_touched_is_found_without_reading_every_message(
    ada: User, bob: User, eve: User, public: Room, say: Say
) -> None:
    for body in ("@eve", "Hello", "Hello"):
        say(public, bob, body)
    actions.enter(public, eve)
    written = say(public, eve).seq
    actions.toggle_reaction(public, eve, seq=2, emoji="👍")
    mentioned = say(public, ada, "@eve").seq
    Message.objects.bulk_create(
        Message(room=public, author=bob, client_id=str(seq), seq=seq, rev=seq)
        for seq in range(100, 10_100)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE chat_message")
    messages = messages_touched_by([eve.pk])
    assert set(messages.values_list("seq", flat=True)) == {2, written, mentioned}
    assert not re.search(r"scan (on )?chat_message\b", messages.explain(), re.IGNORECASE)
