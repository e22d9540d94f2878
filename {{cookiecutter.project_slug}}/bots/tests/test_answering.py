"""Bots that answer: who is answered, and how a message grows and ends."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import User
from bots import answering
from bots.tests import answers
from chat import actions
from chat.models import Message, Room
from chat.signals import Posted
from chat.tests.conftest import Published, Say, refused
from realtime.budgets import charging
from realtime.models import TaskRow
from realtime.protocol import ErrorCode
from realtime.tasks import run_due
from realtime.tasks.worker import tidying
from realtime.tests.test_tasks import until

pytestmark = pytest.mark.django_db

CUT_OFF_SO_FAR = "So far\n\n(Cut off: this was interrupted.)"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "GROW_SECONDS", 0.02)
    answers.heard.clear()


@pytest.fixture
def answers_by(settings: Settings) -> Callable[[str], None]:
    def answer_by(name: str) -> None:
        settings.ANSWERING_BOTS = {"helper": f"bots.tests.answers.{name}"}

    return answer_by


def run_due_here() -> None:
    """In a thread of its own, whose connection ends with it."""
    try:
        run_due()
    finally:
        connections.close_all()


def begin(room: Room, helper: User, question: Message) -> Message:
    """What a worker leaves that is killed while it writes."""
    client_id = f"answer-{question.pk}"
    message, _ = actions.begin_message(room, helper, client_id=client_id, reply_to=question.seq)
    assert actions.grow_message(message, "So far")
    return message


def the_answer() -> Message:
    return Message.objects.select_related("author").get(author__is_bot=True)


def test_whoever_mentions_a_bot_is_answered(
    room: Room, bob: User, helper: User, say: Say, published: Published
) -> None:
    say(room, bob, "Earlier")
    question = say(room, bob, "@helper what is this?")
    assert not Message.objects.filter(author=helper).exists()

    assert run_due() == 1

    answer = the_answer()
    assert (answer.author, answer.reply_to, answer.writing) == (helper, question.seq, False)
    assert answer.body == "@helper what is this?"
    assert [each.text for each in answers.heard[0].turns] == ["Earlier", "@helper what is this?"]
    assert (answers.heard[0].room, answers.heard[0].turns[0].author) == ("General", "bob")
    events = [each for each in published.events if each["type"].startswith("message.")]
    created, *growing, updated = events[2:]
    assert (created["type"], created["data"]["writing"]) == ("message.created", True)
    assert {each["type"] for each in growing} <= {"message.growing"}
    assert (updated["type"], updated["data"]["writing"]) == ("message.updated", False)
    assert updated["rev"] == created["rev"] + 1


def test_in_a_direct_room_every_message_is_answered(bob: User, helper: User, say: Say) -> None:
    direct = actions.start_direct(bob, helper)
    say(direct, bob, "Hello")

    run_due()

    assert the_answer().body == "Hello"


def test_the_bots_of_many_direct_rooms_are_found_by_one_query(
    ada: User,
    bob: User,
    helper: User,
    answers_by: Callable[[str], None],
) -> None:
    answers_by("in_pieces")
    drafts = [
        actions.Draft(actions.start_direct(person, helper), person.pk, "a", "Hello")
        for person in (ada, bob)
    ]
    actions.post_messages(drafts)
    news = [
        Posted(message, [], None)
        for message in Message.objects.select_related("room", "author").order_by("pk")
    ]
    TaskRow.objects.all().delete()
    with CaptureQueriesContext(connection) as queries:
        answering.enqueue_answers(news)
    assert sum("chat_membership" in query["sql"] for query in queries) == 1
    assert TaskRow.objects.count() == 2


def test_bots_do_not_answer_bots_nor_what_is_not_meant_for_them(
    room: Room, bob: User, helper: User, say: Say
) -> None:
    say(room, helper, "@helper are you there?")
    say(room, bob, "helper is not mentioned")
    edited = say(room, bob, "Hello")
    actions.edit_message(room, bob, seq=edited.seq, body="Hello @helper")

    assert run_due() == 0


def test_a_deleted_question_and_one_of_a_room_without_the_bot_get_no_answer(
    room: Room, ada: User, bob: User, helper: User, say: Say, caplog: pytest.LogCaptureFixture
) -> None:
    actions.delete_message(room, bob, seq=say(room, bob, "@helper never mind").seq)
    say(room, bob, "@helper stay!")
    actions.remove_member(room, ada, helper)

    assert run_due() == 2

    assert not Message.objects.filter(author=helper).exists()
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize(
    ("way", "body"),
    [
        ("stalls", "Let me think\n\n(Cut off: nothing more came.)"),
        ("fails", "The answer is\n\n(Cut off: something went wrong.)"),
        ("silent", "…"),
        ("missing", "(Cut off: something went wrong.)"),
    ],
)
def test_an_answer_that_breaks_off_says_so(
    room: Room,
    bob: User,
    helper: User,
    say: Say,
    answers_by: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    way: str,
    body: str,
) -> None:
    if way == "stalls":
        monkeypatch.setattr(answering, "STALL_SECONDS", 1.0)
    answers_by(way)
    say(room, bob, "@helper?")

    assert run_due() == 1

    assert (the_answer().body, the_answer().writing) == (body, False)
    assert "Traceback" not in caplog.text
    assert not TaskRow.objects.exclude(status="SUCCESSFUL").exists()


def test_an_answer_that_takes_too_long_is_cut_off(
    room: Room,
    bob: User,
    helper: User,
    say: Say,
    answers_by: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(answering, "ANSWER_SECONDS", 1.0)
    answers_by("slow")
    say(room, bob, "@helper?")
    run_due()

    assert the_answer().body.startswith("word0 word1")
    assert the_answer().body.endswith("\n\n(Cut off: this took too long.)")


def test_an_answer_has_no_more_than_a_message_and_no_characters_that_are_none(
    room: Room, bob: User, helper: User, say: Say, answers_by: Callable[[str], None]
) -> None:
    answers_by("floods")
    say(room, bob, "@helper?")
    run_due()

    body = the_answer().body
    assert 3_700 < len(body) <= 4_000
    assert body.startswith("more and more ?more and more ?")
    assert body.endswith("(Cut off: a message has no room for more.)")


@pytest.mark.django_db(transaction=True)
def test_it_grows_a_few_times_a_second_and_is_stopped_by_who_asked(
    room: Room,
    ada: User,
    bob: User,
    helper: User,
    say: Say,
    answers_by: Callable[[str], None],
    published: Published,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(answering, "GROW_SECONDS", 0.25)
    answers_by("slow")
    eve = User.objects.create(username="eve")
    actions.enter(room, eve)
    say(room, bob, "@helper tell me a story")
    began = time.monotonic()
    task = threading.Thread(target=run_due_here)
    task.start()
    until(lambda: Message.objects.filter(author=helper, body__contains="word9").exists())

    seq = the_answer().seq
    with refused(ErrorCode.FORBIDDEN):
        actions.stop_message(room, eve, seq=seq)
    stopped = actions.stop_message(room, bob, seq=seq)
    task.join(10)
    took = time.monotonic() - began

    assert not task.is_alive()
    answer = the_answer()
    assert stopped.body == answer.body
    assert answer.body.endswith("\n\n(Stopped.)")
    growing = [each["data"] for each in published.events if each["type"] == "message.growing"]
    assert 1 <= len(growing) <= took * 4
    assert answer.body.startswith(growing[-1]["body"])
    assert actions.stop_message(room, ada, seq=seq).rev == answer.rev  # again, harmless


def test_what_a_killed_worker_left_is_finished_with_what_was_shown(
    room: Room, bob: User, helper: User, say: Say
) -> None:
    begin(room, helper, Message.objects.get(seq=say(room, bob, "@helper?").seq))

    run_due()

    assert the_answer().body == CUT_OFF_SO_FAR
    assert answers.heard == []


@pytest.mark.parametrize(
    "end",
    [
        lambda room, helper, question: actions.delete_message(room, None, seq=question.seq),
        lambda room, helper, question: question.delete(),
        lambda room, helper, question: actions.remove_member(room, room.created_by, helper),
        lambda room, helper, question: User.objects.filter(pk=helper.pk).update(is_active=False),
    ],
    ids=["question deleted", "question gone", "bot removed", "bot inactive"],
)
def test_what_a_killed_worker_left_is_finished_though_there_is_no_more_to_answer(
    room: Room, bob: User, helper: User, say: Say, end: Callable[[Room, User, Message], object]
) -> None:
    question = Message.objects.get(seq=say(room, bob, "@helper?").seq)
    message = begin(room, helper, question)
    end(room, helper, question)

    assert run_due() == 1

    message.refresh_from_db()
    assert (message.writing, message.body) == (False, CUT_OFF_SO_FAR)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "end",
    [
        lambda room, helper: actions.remove_member(room, room.created_by, helper),
        lambda room, helper: User.objects.filter(pk=helper.pk).update(is_active=False),
    ],
    ids=["removed", "inactive"],
)
def test_a_bot_that_is_no_longer_there_stops_writing(
    room: Room,
    bob: User,
    helper: User,
    say: Say,
    answers_by: Callable[[str], None],
    end: Callable[[Room, User], object],
) -> None:
    answers_by("slow")
    say(room, bob, "@helper tell me a story")
    task = threading.Thread(target=run_due_here)
    task.start()
    until(lambda: Message.objects.filter(author=helper, body__contains="word1").exists())

    end(room, helper)
    task.join(20)

    assert not task.is_alive()
    assert (the_answer().writing, the_answer().body[-32:]) == (False, str(answering.CUT_OFF))


@pytest.mark.parametrize("end", ["failed", "task gone", "bot gone"])
def test_what_no_task_writes_is_finished_within_an_hour(
    room: Room, bob: User, helper: User, say: Say, end: str
) -> None:
    questions = [Message.objects.get(seq=say(room, bob, "@helper?").seq) for _ in range(2)]
    left, other = (begin(room, helper, each) for each in questions)
    TaskRow.objects.update(status="RUNNING", due_at=timezone.now() + timedelta(hours=1))
    tidying.send(None)
    assert run_due() == 1
    assert Message.objects.filter(writing=True).count() == 2

    of_left = TaskRow.objects.filter(args__0=questions[0].pk)
    if end == "failed":
        of_left.update(status="FAILED")
    elif end == "task gone":
        of_left.delete()
    else:
        User.objects.filter(pk=helper.pk).delete()
    tidying.send(None)
    assert run_due() == 1

    left.refresh_from_db()
    other.refresh_from_db()
    assert (left.writing, left.body) == (False, CUT_OFF_SO_FAR)
    assert other.writing is (end != "bot gone")


def test_there_is_nothing_to_finish_in_an_ordinary_hour(
    room: Room, bob: User, helper: User, say: Say
) -> None:
    say(room, bob, "@helper hello")
    run_due()
    tidying.send(None)

    assert run_due() == 0


def test_a_message_whose_room_is_gone_is_finished_no_more(
    room: Room, bob: User, helper: User, say: Say
) -> None:
    message = begin(room, helper, Message.objects.get(seq=say(room, bob, "@helper?").seq))
    actions.delete_room(room)

    with refused(ErrorCode.NOT_FOUND):
        actions.finish_message(message)


def test_a_message_of_files_alone_says_so(
    room: Room,
    bob: User,
    helper: User,
    say: Say,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    say(room, bob, "Look")
    names = ["plan.pdf", "map.txt"]
    files = [actions.upload(room, bob, SimpleUploadedFile(each, b"x")).id for each in names]
    actions.post_message(room, bob, client_id="f", attachments=files)
    question = Message.objects.select_related("room").get(client_id="f")

    with django_assert_num_queries(2):
        turns = answering._conversation(question, helper).turns

    assert [each.text for each in turns] == [
        "Look",
        "Sent a file.\n(File: plan.pdf)\n(File: map.txt)",
    ]


def test_a_finished_answer_is_not_written_again(
    room: Room, bob: User, helper: User, say: Say
) -> None:
    say(room, bob, "@helper hello")
    run_due()
    rev = the_answer().rev
    TaskRow.objects.update(status="READY", attempts=1)

    run_due()

    assert the_answer().rev == rev
    assert len(answers.heard) == 1


def test_a_message_that_is_deleted_stops_growing(
    room: Room, ada: User, bob: User, helper: User, say: Say, published: Published
) -> None:
    message, _ = actions.begin_message(room, helper, client_id="x", reply_to=1)
    actions.delete_message(room, ada, seq=message.seq)

    assert not actions.grow_message(message, "more")
    assert actions.finish_message(message) is None
    assert published.last("message.deleted")["data"]["writing"] is False


def test_whoever_asks_too_much_is_told_when_to_go_on(
    room: Room, bob: User, helper: User, say: Say, settings: Settings
) -> None:
    settings.BUDGETS = {"answers": [1, 3600]}
    with charging():
        for number in range(3):
            say(room, bob, f"@helper {number}")

    assert run_due() == 3

    bodies = Message.objects.filter(author=helper).order_by("seq").values_list("body", flat=True)
    assert bodies[0] == "@helper 0"
    assert bodies[1].startswith("You asked bots many times in a short time. Try again in")
    assert len(bodies) == 2


@pytest.mark.parametrize(
    ("bots", "said"),
    [
        ({"helper": "bots.tests.answers.echo"}, None),
        ({"helper": "nowhere.answer"}, "ModuleNotFoundError"),
        ({"helper": "bots.tests.answers.heard"}, "it is no async generator"),
        ({"Helper": "bots.tests.answers.echo"}, "upper case"),
        ({"no name": "bots.tests.answers.echo"}, "A username has letters"),
    ],
)
def test_a_check_says_what_cannot_answer(
    settings: Settings, bots: dict[str, str], said: str | None
) -> None:
    settings.ANSWERING_BOTS = bots
    found: list[Any] = [each for each in run_checks() if each.id == "bots.E001"]
    assert len(found) == (said is not None)
    assert all(said in each.msg for each in found if said)
