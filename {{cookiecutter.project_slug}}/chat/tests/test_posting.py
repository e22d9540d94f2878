"""Posting messages."""

import pytest
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from chat import actions
from chat.frames import MessageData, QuoteData
from chat.models import Mention, Message, Room
from chat.queries import latest_messages
from chat.tests.conftest import Published, Say, refused
from chat.text import BODY_CHARACTERS
from realtime.protocol import ErrorCode, Refusal

pytestmark = pytest.mark.django_db


def draft(
    room: Room, author: User, client_id: str, body: str = "Hello", reply_to: int | None = None
) -> actions.Draft:
    return actions.Draft(room, author.pk, client_id, body, reply_to)


def codes(results: list[MessageData | Refusal]) -> list[str]:
    return [result.code if isinstance(result, Refusal) else "posted" for result in results]


def test_messages_take_one_number_after_another(
    ada: User, bob: User, public: Room, say: Say
) -> None:
    posted = [say(public, author) for author in (ada, bob, ada)]
    assert [(message.seq, message.rev) for message in posted] == [(1, 1), (2, 2), (3, 3)]
    public.refresh_from_db()
    assert public.last_rev == 3


def test_a_message_goes_out_as_it_is_returned(
    ada: User, public: Room, say: Say, published: Published
) -> None:
    message = say(public, ada, "  Hi @bob  ", client_id="a1")
    event = published.last("message.created")
    assert (event["topic"], event["rev"]) == ("chat:general", 1)
    assert event["data"] == {
        "seq": 1,
        "rev": 1,
        "client_id": "a1",
        "author": ada.as_person(),
        "body": "Hi @bob",
        "html": '<p>Hi <strong class="mention" data-mention="bob">@bob</strong></p>',
        "reply_to": None,
        "quote": None,
        "mentions": ["bob"],
        "reactions": [],
        "attachments": [],
        "preview": None,
        "created_at": message.created_at.isoformat().replace("+00:00", "Z"),
        "edited_at": None,
        "deleted_at": None,
        "writing": False,
    }


def test_a_retry_returns_the_first_message_and_takes_no_number(
    ada: User, public: Room, say: Say, published: Published
) -> None:
    first = say(public, ada, client_id="a1")
    assert say(public, ada, client_id="a1") == first
    assert published.types("chat:general").count("message.created") == 1
    assert say(public, ada).seq == 2


def test_a_retry_returns_the_message_as_it_is_now(ada: User, public: Room, say: Say) -> None:
    edited, deleted = (say(public, ada, client_id=client_id) for client_id in ("a1", "a2"))
    actions.edit_message(public, ada, seq=edited.seq, body="Other words")
    actions.delete_message(public, ada, seq=deleted.seq)
    assert say(public, ada, client_id="a1").body == "Other words"
    assert say(public, ada, client_id="a2").deleted_at


def test_two_authors_and_two_rooms_may_use_the_same_client_id(
    ada: User, bob: User, public: Room, private: Room, say: Say
) -> None:
    for room, author in ((public, ada), (public, bob), (private, ada)):
        say(room, author, client_id="a1")
    assert Message.objects.count() == 3


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", ErrorCode.INVALID),
        (" \t\n\u3000", ErrorCode.INVALID),
        ("a" * (BODY_CHARACTERS + 1), ErrorCode.TOO_LARGE),
        ("a\x00b", ErrorCode.INVALID),
        ("half a pair \ud83d", ErrorCode.INVALID),
    ],
)
def test_a_body_that_is_none_is_refused(
    ada: User, public: Room, say: Say, body: str, code: ErrorCode
) -> None:
    with refused(code):
        say(public, ada, body)
    assert not Message.objects.exists()


def test_the_longest_body_fits_and_space_around_it_does_not_count(
    ada: User, public: Room, say: Say
) -> None:
    assert len(say(public, ada, " " + "🎈" * BODY_CHARACTERS + "\n").body) == BODY_CHARACTERS


@pytest.mark.parametrize("client_id", ["", "a" * 65, "a\x00", "\udfff"])
def test_a_client_id_that_is_none_is_refused(ada: User, public: Room, client_id: str) -> None:
    with refused(ErrorCode.INVALID):
        actions.post_message(public, ada, body="Hello", client_id=client_id)


def test_only_members_post(
    ada: User, bob: User, eve: User, public: Room, private: Room, say: Say
) -> None:
    actions.remove_member(private, ada, bob)
    for room, user in ((public, eve), (private, bob)):
        with refused(ErrorCode.FORBIDDEN):
            say(room, user)


def test_a_reply_names_a_message_of_the_room(
    ada: User, public: Room, private: Room, say: Say
) -> None:
    say(private, ada)
    say(private, ada)
    question = say(public, ada)
    answer = say(public, ada, reply_to=question.seq)
    assert (answer.reply_to, answer.quote) == (
        question.seq,
        QuoteData(ada.as_person(), "Hello"),
    )
    for elsewhere in (0, -1, 99, 2**53, 2**80):
        with refused(ErrorCode.NOT_FOUND):
            say(public, ada, reply_to=elsewhere)


def test_a_deleted_message_may_still_be_answered(ada: User, public: Room, say: Say) -> None:
    question = say(public, ada)
    actions.delete_message(public, ada, seq=question.seq)
    answer = say(public, ada, reply_to=question.seq)
    assert (answer.reply_to, answer.quote) == (question.seq, QuoteData(ada.as_person(), ""))


def test_a_quote_says_what_the_message_says_now(
    ada: User, bob: User, public: Room, say: Say
) -> None:
    question = say(public, bob, "Where is **it**?")
    say(public, ada, "There.", reply_to=question.seq)

    def quote() -> QuoteData | None:
        return latest_messages(public, 1).messages[0].quote

    assert quote() == QuoteData(bob.as_person(), "Where is it?")
    actions.edit_message(public, bob, seq=question.seq, body="x" * 500)
    assert quote() == QuoteData(bob.as_person(), "x" * 120)
    actions.delete_message(public, bob, seq=question.seq)
    assert quote() == QuoteData(bob.as_person(), "")


def test_mentions_are_of_members_and_once_each(
    ada: User, bob: User, eve: User, public: Room, say: Say
) -> None:
    message = say(public, ada, "@bob, @ada and @Bob: ask @eve or @nobody.")
    assert message.mentions == ["bob", "ada"]
    assert Mention.objects.count() == 2


def test_a_batch_is_numbered_in_its_order_in_one_transaction(
    ada: User,
    bob: User,
    public: Room,
    django_assert_max_num_queries: DjangoAssertNumQueries,
    published: Published,
) -> None:
    drafts = [draft(public, author, f"a{n}") for n in range(20) for author in (ada, bob)]
    with django_assert_max_num_queries(8):
        results = actions.post_messages(drafts)
    assert codes(results) == ["posted"] * 40
    assert list(Message.objects.values_list("seq", "client_id")) == [
        (seq, draft.client_id) for seq, draft in enumerate(drafts, 1)
    ]
    assert [event["rev"] for event in published.events if event["type"] == "message.created"] == (
        list(range(1, 41))
    )


def test_one_bad_draft_leaves_the_others_alone(
    ada: User, bob: User, eve: User, public: Room
) -> None:
    results = actions.post_messages(
        [
            draft(public, ada, "a1"),
            draft(public, ada, "a2", ""),
            draft(public, eve, "a3"),
            draft(public, ada, "a4", "a" * 4001),
            draft(public, bob, "a5", reply_to=77),
            draft(public, ada, "x" * 65),
            draft(public, bob, "a6"),
        ],
    )
    assert codes(results) == [
        "posted",
        "invalid",
        "forbidden",
        "too_large",
        "not_found",
        "invalid",
        "posted",
    ]
    assert list(Message.objects.values_list("seq", "client_id")) == [(1, "a1"), (2, "a6")]


def test_a_retry_within_a_batch_gets_the_same_message(ada: User, public: Room, say: Say) -> None:
    there = say(public, ada, client_id="a1")
    results = actions.post_messages([draft(public, ada, c) for c in ("a2", "a1", "a2", "a3")])
    assert results[1] == there
    assert results[0] == results[2]
    assert list(Message.objects.values_list("seq", "client_id")) == [
        (1, "a1"),
        (2, "a2"),
        (3, "a3"),
    ]


def test_a_batch_of_refusals_needs_no_database(
    ada: User, public: Room, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        assert codes(actions.post_messages([draft(public, ada, "a1", "")])) == ["invalid"]
        assert actions.post_messages([]) == []


@pytest.mark.parametrize(
    "body", ["", " \n ", "\u200b", "\u2800\u3164\xad", "\ufe0f", "a\x00b", "\ud83d"]
)
def test_a_message_in_which_nothing_can_be_seen_or_kept_is_refused(
    ada: User, public: Room, say: Say, body: str
) -> None:
    with refused(ErrorCode.INVALID):
        say(public, ada, body)


def test_a_message_has_only_so_many_lines(ada: User, public: Room, say: Say) -> None:
    assert say(public, ada, "a" + "\n" * 3_990 + "b").body == "a\n\n\nb"
    assert say(public, ada, "\n".join("x" * 400)).body.count("\n") == 399
    with refused(ErrorCode.TOO_LARGE):
        say(public, ada, "\n".join("x" * 401))


def test_an_edit_is_cleaned_as_a_message_is(ada: User, public: Room, say: Say) -> None:
    seq = say(public, ada, "first").seq
    edited = actions.edit_message(
        public, ada, seq=seq, body="exe\u202egpj.\x07" + "\n" * 99 + "end"
    )
    assert edited.body == "exegpj.\n\n\nend"
    with refused(ErrorCode.INVALID):
        actions.edit_message(public, ada, seq=seq, body="\u200b")


def test_a_room_says_on_a_few_lines_what_it_is_about(ada: User) -> None:
    room = actions.create_room(ada, name=" Our\t room ", about="one\r\ntwo\u202e\n\n\n\n\nthree")
    assert (room.name, room.about) == ("Our room", "one\ntwo\n\n\nthree")
    with refused(ErrorCode.TOO_LARGE):
        actions.create_room(ada, name="Other", about="\n".join("x" * 11))
