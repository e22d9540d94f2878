"""Editing, deleting, reacting."""

import pytest

from accounts.models import User
from chat import actions
from chat.actions.messages import EMOJI_PER_MESSAGE
from chat.models import Mention, Message, Reaction, Room
from chat.tests.conftest import Published, Say, refused
from realtime.protocol import ErrorCode

pytestmark = pytest.mark.django_db


def test_an_edit_keeps_the_place_and_takes_the_next_number(
    ada: User, public: Room, say: Say, published: Published
) -> None:
    first, _ = say(public, ada), say(public, ada)
    edited = actions.edit_message(public, ada, seq=first.seq, body=" Better @bob ")
    assert (edited.seq, edited.rev, edited.body) == (1, 3, "Better @bob")
    assert edited.edited_at
    assert edited.mentions == ["bob"]
    event = published.last("message.updated")
    assert (event["topic"], event["rev"], event["data"]["body"]) == (
        "chat:general",
        3,
        "Better @bob",
    )


def test_an_edit_names_other_people(ada: User, bob: User, public: Room, say: Say) -> None:
    message = say(public, ada, "@bob and @ada")
    assert actions.edit_message(public, ada, seq=message.seq, body="@ada").mentions == ["ada"]
    assert list(Mention.objects.values_list("user", flat=True)) == [ada.pk]


def test_an_edit_to_the_same_words_is_none(
    ada: User, public: Room, say: Say, published: Published
) -> None:
    message = say(public, ada)
    assert actions.edit_message(public, ada, seq=message.seq, body="Hello") == message
    assert "message.updated" not in published.types("chat:general")


def test_only_its_author_edits_a_message(ada: User, bob: User, public: Room, say: Say) -> None:
    message = say(public, bob)
    with refused(ErrorCode.FORBIDDEN):
        actions.edit_message(public, ada, seq=message.seq, body="Mine")


def test_what_could_not_be_posted_cannot_be_edited_in(ada: User, public: Room, say: Say) -> None:
    message = say(public, ada)
    for body, code in [
        (" ", ErrorCode.INVALID),
        ("\x00", ErrorCode.INVALID),
        ("a" * 4001, ErrorCode.TOO_LARGE),
    ]:
        with refused(code):
            actions.edit_message(public, ada, seq=message.seq, body=body)


def test_a_deleted_message_keeps_its_place_without_its_words(
    ada: User, bob: User, public: Room, say: Say, published: Published
) -> None:
    message = say(public, ada, "@bob look")
    actions.toggle_reaction(public, bob, seq=message.seq, emoji="👍")
    deleted = actions.delete_message(public, ada, seq=message.seq)
    assert (deleted.seq, deleted.rev, deleted.body) == (1, 3, "")
    assert (deleted.mentions, deleted.reactions) == ([], [])
    assert deleted.deleted_at
    event = published.last("message.deleted")
    assert (event["rev"], event["data"]["body"]) == (3, "")
    assert Message.objects.get().body == ""
    assert not Reaction.objects.exists()
    assert not Mention.objects.exists()


def test_deleting_twice_takes_one_number(ada: User, public: Room, say: Say) -> None:
    message = say(public, ada)
    first = actions.delete_message(public, ada, seq=message.seq)
    assert actions.delete_message(public, ada, seq=message.seq) == first


def test_authors_moderators_and_owners_delete(
    ada: User, bob: User, eve: User, public: Room, say: Say
) -> None:
    actions.enter(public, eve)
    actions.change_role(public, ada, bob, "moderator")
    for by in (ada, bob, eve):
        message = say(public, eve)
        assert actions.delete_message(public, by, seq=message.seq).deleted_at


def test_a_member_does_not_delete_what_others_say(
    ada: User, bob: User, public: Room, say: Say
) -> None:
    message = say(public, ada)
    with refused(ErrorCode.FORBIDDEN):
        actions.delete_message(public, bob, seq=message.seq)


def test_the_site_erases_without_being_a_member(
    ada: User, public: Room, say: Say, published: Published
) -> None:
    say(public, ada)
    assert actions.delete_message(public, None, seq=1).deleted_at
    assert published.last("message.deleted")["rev"] == 2


def test_a_deleted_message_takes_no_edits_and_no_reactions(
    ada: User, public: Room, say: Say
) -> None:
    seq = say(public, ada).seq
    actions.delete_message(public, ada, seq=seq)
    with refused(ErrorCode.CONFLICT):
        actions.edit_message(public, ada, seq=seq, body="Still here")
    with refused(ErrorCode.CONFLICT):
        actions.toggle_reaction(public, ada, seq=seq, emoji="👍")


def test_a_reaction_is_put_on_and_taken_off(
    ada: User, bob: User, public: Room, say: Say, published: Published
) -> None:
    seq = say(public, ada).seq
    for user, emoji in ((bob, "👍"), (ada, "❤️"), (ada, "👍")):
        message = actions.toggle_reaction(public, user, seq=seq, emoji=emoji)
    assert [(each.emoji, each.users) for each in message.reactions] == [
        ("👍", [bob.pk, ada.pk]),
        ("❤️", [ada.pk]),
    ]
    message = actions.toggle_reaction(public, bob, seq=seq, emoji="👍")
    assert (message.rev, message.edited_at) == (5, None)
    assert [each.users for each in message.reactions] == [[ada.pk], [ada.pk]]
    assert published.last("message.updated")["rev"] == 5


def test_a_reaction_that_is_asked_for_twice_stays_as_it_is_wanted(
    ada: User, bob: User, public: Room, say: Say, published: Published
) -> None:
    seq = say(public, ada).seq
    for on, rev in ((True, 2), (True, 2), (False, 3), (False, 3)):
        message = actions.toggle_reaction(public, bob, seq=seq, emoji="👍", on=on)
        assert (message.rev, bool(message.reactions)) == (rev, on)
    assert published.types("chat:general").count("message.updated") == 2


def test_a_reaction_is_an_emoji(ada: User, public: Room, say: Say) -> None:
    seq = say(public, ada).seq
    for emoji in ("", "lol", "👍👍", "\x00", "👍\ud83d", "👍" * 40):
        with refused(ErrorCode.INVALID):
            actions.toggle_reaction(public, ada, seq=seq, emoji=emoji)


def test_a_message_has_only_so_many_different_reactions(
    ada: User, bob: User, public: Room, say: Say
) -> None:
    seq = say(public, ada).seq
    for number in range(EMOJI_PER_MESSAGE):
        actions.toggle_reaction(public, ada, seq=seq, emoji=chr(0x1F600 + number))
    with refused(ErrorCode.CONFLICT):
        actions.toggle_reaction(public, bob, seq=seq, emoji="👍")
    joined = actions.toggle_reaction(public, bob, seq=seq, emoji="\U0001f600")
    assert joined.reactions[0].users == [ada.pk, bob.pk]


def test_strangers_change_nothing(ada: User, eve: User, public: Room, say: Say) -> None:
    seq = say(public, ada).seq
    with refused(ErrorCode.FORBIDDEN):
        actions.edit_message(public, eve, seq=seq, body="Mine")
    with refused(ErrorCode.FORBIDDEN):
        actions.delete_message(public, eve, seq=seq)
    with refused(ErrorCode.FORBIDDEN):
        actions.toggle_reaction(public, eve, seq=seq, emoji="👍")


def test_a_message_is_found_in_its_own_room_only(
    ada: User, public: Room, private: Room, say: Say
) -> None:
    say(public, ada)
    for seq in (1, 0, -1, 2**63, 2**80):
        with refused(ErrorCode.NOT_FOUND):
            actions.edit_message(private, ada, seq=seq, body="Here")
        with refused(ErrorCode.NOT_FOUND):
            actions.delete_message(private, ada, seq=seq)
        with refused(ErrorCode.NOT_FOUND):
            actions.toggle_reaction(private, ada, seq=seq, emoji="👍")
