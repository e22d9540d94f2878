"""Reading: places, pages of history, changes, lists of rooms."""

import pytest
from django.db.models.signals import post_init
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from chat import actions, queries
from chat.actions import messages
from chat.models import Message, Room
from chat.queries import rooms_among, rooms_of, slugs_of
from chat.tests.conftest import Published, Say, refused
from realtime.feeds.reading import latest
from realtime.protocol import ErrorCode, Refusal

pytestmark = pytest.mark.django_db


def seqs(messages: list[Message]) -> list[int]:
    return [message.seq for message in messages]


def test_a_place_moves_forward_only_and_not_beyond_the_head(
    ada: User, bob: User, public: Room, say: Say, published: Published
) -> None:
    for _ in range(3):
        say(public, ada)
    places = [actions.mark_read(public, bob, seq=seq) for seq in (2, 1, 2**80, -5)]
    assert places == [2, 2, 3, 3]
    reads = [event["data"] for event in published.events if event["type"] == "read"]
    assert reads == [{"user_id": bob.pk, "seq": 2}, {"user_id": bob.pk, "seq": 3}]


def test_in_a_large_room_only_the_reader_hears_how_far_they_have_read(
    ada: User,
    bob: User,
    public: Room,
    say: Say,
    published: Published,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    say(public, ada)
    monkeypatch.setattr(messages, "READ_SHOWN_MEMBERS", 1)
    actions.mark_read(public, bob, seq=1)
    event = published.last("read")
    assert (event["group"], event["topic"]) == (f"rooms:{bob.pk}", "chat:general")


def test_all_who_have_read_a_message_are_moved_at_once(
    ada: User,
    bob: User,
    eve: User,
    public: Room,
    say: Say,
    published: Published,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for _ in range(2):
        say(public, ada)
    readings = [(public, bob, 1), (public, ada, 2), (public, bob, 2), (public, eve, 2)]
    with django_assert_max_num_queries(5):
        places = actions.mark_readings(
            [actions.Reading(room.pk, user.pk, seq) for room, user, seq in readings]
        )
    assert places[:3] == [1, 2, 2]
    assert isinstance(places[3], Refusal)
    reads = [event["data"] for event in published.events if event["type"] == "read"]
    assert reads == [{"user_id": ada.pk, "seq": 2}, {"user_id": bob.pk, "seq": 2}]


def test_strangers_have_no_place(eve: User, public: Room) -> None:
    with refused(ErrorCode.FORBIDDEN):
        actions.mark_read(public, eve, seq=0)


def test_history_comes_in_pages_from_the_end(ada: User, public: Room, say: Say) -> None:
    for _ in range(5):
        say(public, ada)
    newest = latest(public.messages.all(), limit=2)
    assert (seqs(newest.items), newest.more) == ([5, 4], True)
    earlier = latest(public.messages.all(), before=4, limit=3)
    assert (seqs(earlier.items), earlier.more) == ([3, 2, 1], False)
    assert latest(public.messages.all(), before=1, limit=3) == ([], False)


def test_a_page_costs_the_same_whatever_is_in_it(
    ada: User, bob: User, public: Room, say: Say, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(10):
        message = say(public, ada, "@bob @ada")
        actions.toggle_reaction(public, bob, seq=message.seq, emoji="👍")
    with django_assert_num_queries(4):
        messages = [each.as_data() for each in latest(public.messages.all(), limit=50).items]
    assert messages[0].mentions == ["bob", "ada"]


def test_heads_of_many_rooms_are_one_query(
    ada: User,
    public: Room,
    private: Room,
    say: Say,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    say(public, ada)
    with django_assert_num_queries(1):
        heads = Room.topics.latest_revisions([public.slug, private.slug, "gone"])
    assert heads == {public.slug: 1, private.slug: 0}


def test_unread_is_what_others_said_since_and_did_not_take_back(
    ada: User, bob: User, public: Room, say: Say
) -> None:
    def unread() -> tuple[int, bool]:
        (room,) = rooms_of(bob)
        return room.unread, room.mentioned

    assert unread() == (0, False)
    say(public, bob, "I am @bob")
    assert unread() == (0, False)
    say(public, ada)
    named = say(public, ada, "@bob!")
    assert unread() == (2, True)
    actions.delete_message(public, ada, seq=named.seq)
    assert unread() == (1, False)
    actions.mark_read(public, bob, seq=named.seq)
    assert unread() == (0, False)


def test_the_last_message_read_is_not_unread(ada: User, bob: User, public: Room, say: Say) -> None:
    def unread() -> tuple[int, bool]:
        (room,) = rooms_of(bob)
        return room.unread, room.mentioned

    say(public, ada, "Good morning")
    read = say(public, ada, "@bob, are you there?")
    actions.mark_read(public, bob, seq=read.seq)
    assert unread() == (0, False)
    say(public, ada, "Never mind")
    assert unread() == (1, False)


def test_counting_ends_where_nobody_counts_on(
    ada: User, bob: User, public: Room, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "UNREAD_COUNTED", 2)
    for _ in range(4):
        say(public, ada)
    assert rooms_of(bob)[0].unread == 2


def test_a_room_shows_its_last_message_that_is_not_deleted(
    ada: User, public: Room, say: Say
) -> None:
    assert rooms_of(ada)[0].last_message is None
    first, second = say(public, ada, "One"), say(public, ada, "Two")
    actions.delete_message(public, ada, seq=second.seq)
    (room,) = rooms_of(ada)
    assert room.last_message
    assert (room.last_message.body, room.last_message.author["username"]) == ("One", "ada")
    assert (room.rev, room.last_message.created_at) == (3, first.created_at)


def test_a_direct_room_is_called_after_the_other_person(ada: User, bob: User) -> None:
    actions.start_direct(ada, bob)
    (of_ada,), (of_bob,) = rooms_of(ada), rooms_of(bob)
    assert (of_ada.name, of_ada.person) == ("bob", bob.as_person())
    assert (of_bob.name, of_bob.person) == ("ada", ada.as_person())


def test_the_room_that_was_written_in_last_comes_first(
    ada: User, bob: User, public: Room, private: Room, say: Say
) -> None:
    direct = actions.start_direct(ada, bob)
    for room in (private, public, direct, private):
        say(room, bob)
        assert rooms_of(ada)[0].slug == room.slug


def test_a_list_of_rooms_costs_the_same_however_many_there_are(
    ada: User,
    bob: User,
    eve: User,
    public: Room,
    private: Room,
    say: Say,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for room in (public, private, actions.start_direct(ada, bob), actions.start_direct(ada, eve)):
        say(room, ada)
    with django_assert_num_queries(3):
        assert len(rooms_of(ada)) == 4
    assert len(rooms_of(ada, limit=2)) == 2


def test_rooms_to_join_are_public_and_not_joined_yet(
    ada: User, bob: User, eve: User, public: Room, private: Room, say: Say
) -> None:
    lively = actions.create_room(ada, name="A lively one")
    say(lively, ada)
    rooms = queries.rooms_to_join(eve)
    assert [(room.slug, vars(room)["member_count"]) for room in rooms] == [
        ("a-lively-one", 1),
        ("general", 2),
    ]
    assert list(queries.rooms_to_join(bob)) == [lively]


def test_people_are_found_by_either_name(ada: User, bob: User, eve: User) -> None:
    bob.display_name = "Robert"
    bob.save()
    User.objects.create(username="gone", is_active=False)
    found = [list(queries.people_to_talk_to(ada, query)) for query in ("", "rob", "BO", "e", "ada")]
    assert found == [[bob, eve], [bob], [bob], [bob, eve], []]


def test_the_lists_of_many_people_are_read_in_the_queries_of_one(
    ada: User,
    bob: User,
    eve: User,
    public: Room,
    private: Room,
    say: Say,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    direct = actions.start_direct(ada, bob)
    say(public, bob)
    say(private, ada)
    say(direct, bob)
    with django_assert_num_queries(1):
        slugs = slugs_of([ada.pk, bob.pk, eve.pk])
    assert slugs == [[each.slug for each in rooms_of(who)] for who in (ada, bob, eve)]
    with django_assert_num_queries(3):
        lists = rooms_among([(ada.pk, slugs[0]), (bob.pk, slugs[1]), (ada.pk, [public.slug])])
    assert lists == [rooms_of(ada), rooms_of(bob), [rooms_of(ada)[-1]]]
    assert [room.unread for room in lists[0]] == [1, 0, 1]


def test_the_lists_of_a_crowd_make_no_room_for_each_row(
    ada: User, bob: User, public: Room, private: Room
) -> None:
    made: list[Room] = []

    def note(instance: Room, **_: object) -> None:
        made.append(instance)

    post_init.connect(note, sender=Room)
    try:
        lists = rooms_among([(who.pk, [public.slug, private.slug]) for who in (ada, bob)])
    finally:
        post_init.disconnect(note, sender=Room)
    assert [{room.name for room in rooms} for rooms in lists] == [{"General", "Engineering"}] * 2
    assert made == []
