from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models.functions import Now
from django.utils import timezone
from telegram.error import RetryAfter

from accounts.models import User
from bridges.telegram import sending
from bridges.telegram.models import Following, Link, Post
from bridges.telegram.sending import enqueue_answer, tell
from bridges.telegram.sending import say as say_task
from bridges.telegram.tests.conftest import CHAT, Say
from bridges.telegram.tests.service import BotApi
from chat import actions
from chat.models import Membership, Room
from notifications.actions import notify
from realtime.tasks import run_due, unfinished
from realtime.tasks.models import TaskRow

pytestmark = pytest.mark.django_db


def sent(api: BotApi) -> list[str]:
    """What ada's chat shows when all that is due is done."""
    run_due()
    return api.texts(CHAT)


def test_the_chosen_room_is_carried_into_the_chat(
    reading: Link, room: Room, ada: User, bob: User, api: BotApi, say: Say
) -> None:
    actions.post_message(room, bob, body="<b>hello</b> _you_", client_id="1")
    say("from the chat")
    actions.post_message(room, ada, body="from a browser", client_id="2")
    assert sent(api) == ["Tea Room · bob: <b>hello</b> _you_", "Tea Room · ada: from a browser"]
    assert not any("parse_mode" in each for each in api.sent.values())


def test_what_was_said_before_is_not_sent(
    chat: Link, room: Room, bob: User, api: BotApi, say: Say
) -> None:
    actions.post_message(room, bob, body="before", client_id="1")
    say("/room tea-room")
    actions.edit_message(room, bob, seq=1, body="before, edited")
    actions.post_message(room, bob, body="after", client_id="2")
    assert sent(api) == ["Tea Room · bob: after"]


def test_a_message_follows_its_edits_and_its_end(
    reading: Link, room: Room, ada: User, bob: User, api: BotApi
) -> None:
    for number in "12":
        actions.post_message(room, bob, body=f"helo {number}", client_id=number)
    assert sent(api) == ["Tea Room · bob: helo 1", "Tea Room · bob: helo 2"]
    actions.edit_message(room, bob, seq=1, body="hello")
    actions.toggle_reaction(room, ada, seq=2, emoji="👍")
    actions.post_message(room, bob, body="gone", client_id="3")
    actions.delete_message(room, bob, seq=room.messages.latest("pk").seq)
    assert sent(api) == ["Tea Room · bob: hello", "Tea Room · bob: helo 2"]
    assert [method for method, _ in api.calls] == [*["sendMessage"] * 2, "editMessageText"]
    actions.delete_message(room, bob, seq=2)
    assert sent(api) == ["Tea Room · bob: hello", "Tea Room · bob: (deleted)"]


def test_files_are_named(reading: Link, room: Room, bob: User, api: BotApi) -> None:
    for number, body in enumerate(["", "Look:", "x" * 4_000]):
        file = SimpleUploadedFile(f"report {number}.pdf", b"%PDF")
        files = [actions.upload(room, bob, file).id]
        actions.post_message(room, bob, body=body, client_id=str(number), attachments=files)
    assert sent(api) == [
        "Tea Room · bob: 📎 report 0.pdf",
        "Tea Room · bob: Look:\n📎 report 1.pdf",
        f"Tea Room · bob: {'x' * 4_000}\n📎 report 2.pdf",
    ]


def test_the_longest_message_fits(reading: Link, room: Room, bob: User, api: BotApi) -> None:
    actions.update_room(room, None, name="R" * 80, about="")
    bob.display_name = "B" * 40
    bob.save()
    actions.post_message(room, bob, body="x" * 4_000, client_id="1")
    (text,) = sent(api)
    assert len(text) == 4_096
    assert text.endswith(": " + "x" * 4_000)


@pytest.mark.parametrize("how", ["left", "removed by hand", "deactivated"])
def test_who_may_not_read_the_room_any_more_gets_nothing(
    reading: Link, room: Room, ada: User, bob: User, api: BotApi, how: str
) -> None:
    actions.post_message(room, bob, body="a secret", client_id="1")
    match how:
        case "left":
            actions.leave_room(room, ada)
        case "removed by hand":
            Membership.objects.filter(user=ada).delete()
        case _:
            User.objects.filter(pk=ada.pk).update(is_active=False)
    assert sent(api) == ["You are no longer in Tea Room."]
    assert not Following.objects.exists()
    actions.post_message(room, bob, body="more", client_id="2")
    assert sent(api) == ["You are no longer in Tea Room."]


@pytest.mark.parametrize("when", ["at once", "between two messages"])
def test_who_blocks_the_bot_is_unlinked(
    reading: Link, room: Room, bob: User, api: BotApi, when: str
) -> None:
    for number in "12":
        actions.post_message(room, bob, body=number, client_id=number)
    api.faults["sendMessage"] = [403] if when == "at once" else [None, 403]
    assert sent(api) == ([] if when == "at once" else ["Tea Room · bob: 1"])
    assert not Link.objects.exists()
    assert not unfinished(say_task).exists()


def test_who_blocks_the_bot_before_it_answers_is_unlinked(chat: Link, api: BotApi) -> None:
    api.blocked.add(CHAT)
    enqueue_answer(CHAT, "hello")
    assert sent(api) == []
    assert not Link.objects.exists()
    assert not unfinished(say_task).exists()


def test_after_days_without_telegram_the_room_has_to_be_chosen_again(
    reading: Link, room: Room, bob: User, api: BotApi, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Following, "give_up_after", timedelta(0))
    api.faults["sendMessage"] = [500]
    actions.post_message(room, bob, body="hello", client_id="1")
    assert sent(api) == []
    assert say("hello") == "Choose a room first: /rooms lists yours."


def test_a_short_pause_that_telegram_asks_for_is_waited_for(
    reading: Link, room: Room, bob: User, api: BotApi
) -> None:
    api.faults["sendMessage"], api.retry_after = [429], 0.1
    actions.post_message(room, bob, body="hello", client_id="1")
    assert sent(api) == ["Tea Room · bob: hello"]
    assert len(api.calls) == 2


@pytest.mark.parametrize("fault", [429, 500, 502, "drop"])
def test_a_failure_is_made_up_for_without_doubling(
    reading: Link, room: Room, bob: User, api: BotApi, fault: int | str
) -> None:
    api.retry_after = 3_600
    api.faults["sendMessage"] = [fault]
    for number in "12":
        actions.post_message(room, bob, body=number, client_id=number)
    assert sent(api) == []
    following = Following.objects.get()
    assert (following.rev, following.failures) == (room.last_rev, 1)
    (row,) = TaskRow.objects.filter(status="READY")
    pause = (row.due_at - timezone.now()).total_seconds()
    assert 3_590 < pause <= 3_600 if fault == 429 else 20 < pause <= 30
    TaskRow.objects.update(due_at=Now())
    assert sent(api) == ["Tea Room · bob: 1", "Tea Room · bob: 2"]


def test_a_text_that_telegram_refuses_holds_up_nothing(
    reading: Link, room: Room, bob: User, api: BotApi
) -> None:
    api.faults["sendMessage"] = [400]
    for number in "12":
        actions.post_message(room, bob, body=number, client_id=number)
    assert sent(api) == ["Tea Room · bob: 2"]


def test_mentions_and_direct_messages_come_from_everywhere(
    reading: Link, room: Room, ada: User, bob: User, api: BotApi
) -> None:
    other = actions.create_room(bob, name="Other")
    actions.enter(other, ada)
    actions.post_message(other, bob, body="nothing of yours", client_id="1")
    actions.post_message(other, bob, body="hello @ada", client_id="2")
    actions.post_message(actions.start_direct(bob, ada), bob, body="psst", client_id="3")
    actions.post_message(room, bob, body="and here, @ada", client_id="4")
    notify([ada], "announcement", text="Down at noon", link="/people/")
    assert unfinished(tell).count() == 3
    assert sorted(sent(api)) == [
        "Down at noon",
        "Other · bob: hello @ada",
        "Tea Room · bob: and here, @ada",
        "bob: psst",
    ]
    assert {each.room for each in Post.objects.select_related("room")} >= {other, room}


def test_what_is_read_elsewhere_meanwhile_is_not_sent(
    chat: Link, room: Room, ada: User, bob: User, api: BotApi
) -> None:
    actions.post_message(room, bob, body="hello @ada", client_id="1")
    actions.delete_message(room, bob, seq=1)
    actions.post_message(room, bob, body="hello @ada", client_id="2")
    actions.leave_room(room, ada)
    assert sent(api) == []


def test_who_floods_the_bot_is_answered_in_bounds(
    chat: Link, api: BotApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "ANSWERS_WAITING", 2)
    for number in range(5):
        enqueue_answer(CHAT, str(number))
        enqueue_answer(8, str(number))
    assert sent(api) == ["0", "1"]
    assert api.texts(8) == ["0", "1"]


def test_old_posts_are_forgotten(
    reading: Link, room: Room, bob: User, api: BotApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    actions.post_message(room, bob, body="1", client_id="1")
    run_due()
    Post.objects.update(sent_at=timezone.now() - timedelta(days=15))
    actions.post_message(room, bob, body="2", client_id="2")
    run_due()
    assert [each.seq for each in Post.objects.all()] == [2]


def test_the_durations_of_the_library_are_timedeltas() -> None:
    assert RetryAfter(3).retry_after == timedelta(seconds=3)
