"""Whom chat has told of what."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from chat import actions, notifications
from chat.models import Room
from chat.tests.conftest import Say
from notifications.actions import set_target_preference
from notifications.forms import PreferencesForm
from notifications.kinds import TargetLevel
from notifications.queries import of
from realtime import viewing

pytestmark = pytest.mark.django_db


def told(user: User) -> list[str]:
    """What the user was told, the latest first."""
    return [notification.text for notification in of(user.pk)]


def test_a_mention_is_told_with_what_was_said(public: Room, ada: User, bob: User, say: Say) -> None:
    say(public, ada, "Have you seen this, @bob?")

    notification = of(bob.pk).get()
    assert notification.text == "ada mentioned you in General"
    assert notification.link == "/rooms/general/?at=1"
    assert notification.target == public.topic
    assert notification.data["excerpt"] == "Have you seen this, @bob?"


def test_nobody_is_told_of_what_they_said_themselves(public: Room, ada: User, say: Say) -> None:
    first = say(public, ada, "I am @ada.")
    say(public, ada, "And I answer myself.", reply_to=first.seq)

    assert told(ada) == []


def test_a_mention_of_somebody_elsewhere_tells_nobody(
    private: Room, ada: User, eve: User, say: Say
) -> None:
    say(private, ada, "Do not tell @eve.")

    assert told(eve) == []


def test_an_answer_is_told_to_the_author_of_the_question(
    public: Room, ada: User, bob: User, say: Say
) -> None:
    question = say(public, bob, "Is anybody here?")
    say(public, ada, "I am.", reply_to=question.seq)

    assert told(bob) == ["ada answered you in General"]


def test_an_answer_with_a_mention_is_told_once(
    public: Room, ada: User, bob: User, say: Say
) -> None:
    question = say(public, bob, "Is anybody here?")
    say(public, ada, "I am, @bob.", reply_to=question.seq)

    assert told(bob) == ["ada mentioned you in General"]


def test_an_answer_to_somebody_who_left_tells_nobody(
    public: Room, ada: User, bob: User, say: Say
) -> None:
    question = say(public, bob, "Is anybody here?")
    actions.leave_room(public, bob)
    say(public, ada, "I am.", reply_to=question.seq)

    assert told(bob) == []


def test_direct_messages_fold_into_one(ada: User, bob: User, say: Say) -> None:
    room = actions.start_direct(ada, bob)
    for _ in range(3):
        say(room, ada, "Hello @bob")

    assert told(bob) == ["ada wrote to you"]
    assert of(bob.pk).get().count == 3


def test_whoever_wants_everything_of_a_room_gets_it(
    public: Room, ada: User, bob: User, say: Say
) -> None:
    say(public, ada)
    assert told(bob) == []

    set_target_preference(bob, public.topic, TargetLevel.EVERYTHING)
    say(public, ada)
    assert told(bob) == ["ada wrote in General"]


def test_whoever_left_gets_nothing_whatever_they_wanted(
    private: Room, ada: User, bob: User, say: Say
) -> None:
    set_target_preference(bob, private.topic, TargetLevel.EVERYTHING)
    actions.remove_member(private, ada, bob)
    say(private, ada)

    assert told(bob) == []


@pytest.mark.django_db(transaction=True)
def test_whoever_views_the_room_is_told_nothing(
    public: Room, ada: User, bob: User, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewed = {public.topic}
    monkeypatch.setattr(
        viewing, "readers", [lambda topics: {(bob.pk, topic) for topic in viewed & set(topics)}]
    )

    plain = say(public, ada)
    say(public, ada, "Look, @bob!")
    say(public, ada, "Indeed", reply_to=say(public, bob).seq)
    actions.edit_message(public, ada, seq=plain.seq, body="Look again, @bob!")
    set_target_preference(bob, public.topic, TargetLevel.EVERYTHING)
    plain = say(public, ada)
    assert told(bob) == []

    viewed.clear()
    actions.edit_message(public, ada, seq=plain.seq, body="Look, @bob!")
    say(public, ada, "And again, @bob!")
    assert of(bob.pk).get().count == 2


def test_a_retry_is_not_told_again(public: Room, ada: User, bob: User, say: Say) -> None:
    for _ in range(2):
        say(public, ada, "Hello @bob", client_id="the same")

    assert of(bob.pk).get().count == 1


def test_whom_an_edit_names_is_told_once(public: Room, ada: User, bob: User, say: Say) -> None:
    message = say(public, ada, "Have you seen this?")
    for body in ("@bob, have you seen this?", "@bob, did you see this?"):
        actions.edit_message(public, ada, seq=message.seq, body=body)

    notification = of(bob.pk).get()
    assert notification.text == "ada mentioned you in General"
    assert notification.data["excerpt"] == "@bob, did you see this?"
    assert notification.count == 1


def test_an_edit_of_an_answer_that_names_its_asker_is_not_told_again(
    public: Room, ada: User, bob: User, say: Say
) -> None:
    question = say(public, bob, "Is anybody here?")
    answer = say(public, ada, "I am.", reply_to=question.seq)
    actions.edit_message(public, ada, seq=answer.seq, body="I am, @bob.")

    assert told(bob) == ["ada answered you in General"]
    assert of(bob.pk).get().count == 1


def test_an_edit_that_names_oneself_or_an_outsider_tells_nobody(
    private: Room, ada: User, eve: User, say: Say
) -> None:
    message = say(private, ada, "Hello")
    actions.edit_message(private, ada, seq=message.seq, body="@ada and @eve")

    assert told(ada) == told(eve) == []


def test_old_messages_from_elsewhere_are_no_news(
    public: Room, ada: User, bob: User, say: Say
) -> None:
    say(public, ada, "Hello @bob", created_at=timezone.now() - timedelta(days=9))

    assert told(bob) == []


def test_an_invitation_is_told_once_and_goes_when_it_is_answered(
    public: Room, ada: User, eve: User
) -> None:
    for _ in range(2):
        actions.invite(public, ada, eve)
    assert told(eve) == ["ada invites you to General"]

    actions.accept_invitation(public, eve)
    assert told(eve) == []


def test_rooms_can_be_followed_by_their_members_only(private: Room, ada: User, eve: User) -> None:
    direct = actions.start_direct(ada, eve)

    rooms = Room.topics
    slugs = [private.slug, direct.slug]
    assert rooms.names_for(ada.pk, slugs)[private.slug] == "Engineering"
    assert rooms.names_for(eve.pk, slugs) == {direct.slug: "ada"}
    assert [room.name for room in PreferencesForm(eve).targets()] == [f"target {direct.topic}"]


def test_a_long_message_is_told_in_short(public: Room, ada: User, bob: User, say: Say) -> None:
    say(public, ada, "@bob " + "x" * 3_000)

    assert len(of(bob.pk).get().data["excerpt"]) == notifications.EXCERPT_CHARACTERS


def test_messages_that_mean_nobody_cost_no_more_than_a_look(
    public: Room, ada: User, say: Say, django_assert_max_num_queries: object
) -> None:
    with django_assert_max_num_queries(12):  # type: ignore[operator]
        say(public, ada)


def test_the_page_of_a_room_offers_how_much_to_be_told_of_it(ada: User, public: Room) -> None:
    set_target_preference(ada, "chat:general", "nothing")
    browser = Client()
    browser.force_login(ada)
    page = browser.get("/rooms/general/").content.decode()
    assert '<input type="hidden" name="target" value="chat:general"' in page
    assert '<option value="nothing" selected>Nothing</option>' in page
