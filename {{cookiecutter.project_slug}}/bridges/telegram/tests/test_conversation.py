import pytest
from pytest_django import Settings

from accounts.models import User
from bridges.telegram import linking
from bridges.telegram.conversation import HELP, NO_ROOM, TEXT_ALONE
from bridges.telegram.models import Bot, Following, Link, Post
from bridges.telegram.tests.conftest import Say
from chat import actions
from chat.models import Message, Room
from realtime.budgets import charging

pytestmark = pytest.mark.django_db


def posted() -> list[tuple[str, str, int | None]]:
    messages = Message.objects.order_by("pk")
    return [(str(each.room), each.body, each.reply_to) for each in messages]


@pytest.mark.parametrize("text", ["hello", "/rooms", "/start", "/stop", None])
def test_a_stranger_is_told_how_to_link(say: Say, text: str | None) -> None:
    assert say(text).startswith("This chat is not linked to an account. Sign in at ")


def test_text_is_posted_to_the_chosen_room_as_its_writer(
    reading: Link, ada: User, say: Say
) -> None:
    assert say("hello\nthere", 200) == ""
    assert posted() == [("Tea Room", "hello\nthere", None)]
    message = Message.objects.get()
    assert (message.author, message.client_id) == (ada, "telegram-123456-7-200")


def test_a_message_that_is_delivered_again_is_posted_once(reading: Link, say: Say) -> None:
    say("one", 200)
    Link.objects.update(seen=199)  # killed before this was written
    say("one", 200)
    assert posted() == [("Tea Room", "one", None)]


def test_another_bot_numbers_its_messages_anew(
    reading: Link, bot: Bot, say: Say, settings: Settings
) -> None:
    say("of the first", 200)
    settings.TELEGRAM_TOKEN = "654321:" + "a" * 35
    linking.remember_bot(654321, "second_bot")
    assert say("of the second", 200) == ""
    assert [body for _, body, _ in posted()] == ["of the first", "of the second"]
    assert str(linking.bot()) == "@second_bot"


def test_what_is_delivered_again_goes_to_no_other_room(reading: Link, ada: User, say: Say) -> None:
    actions.create_room(ada, name="Other")
    story = [("one", 200), ("/room other", 201), ("two", 202)]
    for text, message_id in [*story, *story]:
        say(text, message_id)
    assert posted() == [("Tea Room", "one", None), ("Other", "two", None)]


def test_rooms_are_listed_and_chosen_by_slug_or_name(
    chat: Link, room: Room, ada: User, say: Say
) -> None:
    assert say("hello") == NO_ROOM
    assert say("/rooms@parlour_bot") == "Your rooms, the latest first:\n/room tea-room: Tea Room"
    assert say("/room TEA room").startswith("You are in Tea Room now.")
    following = Following.objects.get()
    assert (following.room, following.rev) == (room, room.last_rev)
    assert say("/room tea-room").startswith("You are in Tea Room now.")
    assert Following.objects.get() == following
    assert say("/leave") == (
        "No room is read here any more. Mentions and direct messages still come."
    )
    assert say("hello") == NO_ROOM


def test_a_direct_room_is_called_by_the_other_person(
    chat: Link, ada: User, bob: User, say: Say
) -> None:
    actions.start_direct(ada, bob)
    assert say("/room bob").startswith("You are in bob now.")


def test_nobody_chooses_a_room_that_they_are_not_in(chat: Link, bob: User, say: Say) -> None:
    assert say("/rooms") == "You are in no room yet. Join one on the site."
    actions.create_room(bob, name="Private", kind=Room.Kind.PRIVATE)
    for name in ("private", "", "nothing"):
        assert say(f"/room {name}") == "You are in no such room. /rooms lists yours."


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("/help", HELP),
        ("/start", HELP),
        ("/dance now", "There is no command /dance. /help lists them."),
        (None, TEXT_ALONE),
        ("x" * 4_001, "A message has at most 4,000 characters, and this has 4,001."),
        ("\u200b", "A message cannot be empty."),
    ],
)
def test_what_cannot_be_posted_is_answered(
    reading: Link, say: Say, text: str | None, answer: str
) -> None:
    assert say(text) == answer
    assert posted() == []


def test_the_rules_of_the_room_hold(
    reading: Link, room: Room, ada: User, bob: User, say: Say, settings: Settings
) -> None:
    settings.BUDGETS = {"messages": [1, 3600]}
    with charging():
        assert say("one") == ""
        assert say("two").startswith("You wrote very much, or mentioned many people")
    actions.leave_room(room, ada)
    assert say("three") == "You are not a member of this room."
    assert posted() == [("Tea Room", "one", None)]


def test_a_deactivated_person_is_a_stranger(reading: Link, ada: User, say: Say) -> None:
    ada.is_active = False
    ada.save()
    assert say("hello").startswith("This chat is not linked")
    assert posted() == []


def test_an_edit_edits_the_message_wherever_it_is(reading: Link, ada: User, say: Say) -> None:
    say("helo", 200)
    actions.create_room(ada, name="Other")
    say("/room other")
    assert say("hello", 200, edited=True) == ""
    assert posted() == [("Tea Room", "hello", None)]
    assert say("hello", 200, edited=True) == ""
    assert say(None, 200, edited=True) == ""
    assert say("new", 150, edited=True) == (
        "This was never posted, so it cannot be changed. Write it again."
    )
    actions.delete_message(Message.objects.get().room, ada, seq=1)
    assert say("again", 200, edited=True) == "This message was deleted."


def test_a_reply_answers_in_the_room_of_its_message(
    reading: Link, room: Room, ada: User, bob: User, say: Say
) -> None:
    other = actions.create_room(bob, name="Other")
    actions.enter(other, ada)
    data = actions.post_message(other, bob, body="in other", client_id="1")
    Post.objects.create(link=reading, room=other, seq=data.seq, message_id=55)
    say("in tea", 200)
    assert say("answer", reply_to=55) == ""
    assert say("to myself", reply_to=200) == ""
    assert say("to an answer of the bot", reply_to=56) == ""
    assert posted()[1:] == [
        ("Tea Room", "in tea", None),
        ("Other", "answer", data.seq),
        ("Tea Room", "to myself", 1),
        ("Tea Room", "to an answer of the bot", None),
    ]


def test_stop_unlinks(reading: Link, say: Say) -> None:
    assert say("/stop") == "This chat is no longer linked, and nothing more comes here."
    assert not Link.objects.exists()
    assert say("hello").startswith("This chat is not linked")
