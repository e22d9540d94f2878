"""Searching messages: what is found, by whom, and how it is shown."""

import re
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.db.models import CharField
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from chat import actions, search
from chat.models import Attachment, Membership, Message, Room
from chat.search import excerpt
from chat.tests.conftest import Say
from chat.words import Says, Term

MANY = """
INSERT INTO chat_message (id, room_id, seq, rev, author_id, client_id, body, created_at, writing)
WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 100000)
SELECT n, %s, n, n, %s, n, 'word' || n || ' of many', %s, %s FROM numbers
"""


@pytest.fixture
def browser(ada: User) -> Client:
    client = Client()
    client.force_login(ada)
    return client


def bodies(user: User, text: str) -> list[str]:
    """What the first page of results says."""
    return [
        "".join(part for part, _ in parts)
        for _, parts in search.found(user, search.read(text)).results
    ]


# What is found


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("lunch", 1),
        ("LUNCH", 1),
        ("lun", 1),
        ("unch", 0),
        ("Creme brulee", 1),
        ("CRÈME BRÛLÉE", 1),
        ("creme cold", 0),
        ("lun creme", 0),  # the last word alone may go on
        ("creme lun", 1),
        ('"lunch today"', 1),
        ('"today lunch"', 0),
        ('"lunch tod"', 0),
        ('"lunch', 1),
        ("a", 1),
        ("e", 0),
        ("ada@example.com", 1),
        ("@grace", 1),
        ("example.com/menu", 1),
        ("menu", 1),
        ("don't", 1),
        ("foo_bar", 1),
        ("bar", 1),
        ("3.14", 1),
        ("14", 1),
        ("меню", 1),
        ("한", 1),
        ("ランチ", 1),
        ("-lunch", 1),
        ("lunch OR today", 0),
        ("lunch*", 1),
        ("lunch (today)", 1),
    ],
)
@pytest.mark.django_db
def test_words_are_found_whatever_their_case_accents_and_signs(
    ada: User, public: Room, say: Say, text: str, count: int
) -> None:
    say(
        public,
        ada,
        "**Lunch** today? @grace, it is a cre\u0300me brûlée: https://example.com/menu\n"
        "Don't ask ada@example.com for foo_bar and 3.14: “меню”, 한국어、ランチ…🎉",
    )
    say(public, ada, "Something else")
    assert len(bodies(ada, text)) == count


@pytest.mark.django_db
def test_only_messages_of_ones_own_rooms_are_found(
    ada: User, bob: User, eve: User, public: Room, private: Room, say: Say
) -> None:
    say(public, ada, "plan A")
    say(private, ada, "plan B")
    say(actions.start_direct(ada, eve), ada, "plan C")
    assert bodies(ada, "plan") == ["plan C", "plan B", "plan A"]
    assert bodies(bob, "plan") == ["plan B", "plan A"]
    assert bodies(eve, "plan") == ["plan C"]
    actions.remove_member(private, ada, bob)
    assert bodies(bob, "plan") == ["plan A"]


@pytest.mark.django_db
def test_what_changes_is_found_as_it_is_now(ada: User, public: Room, say: Say) -> None:
    first, second, third = (say(public, ada, f"old {number}").seq for number in range(3))
    actions.edit_message(public, ada, seq=first, body="new")
    actions.delete_message(public, ada, seq=second)
    assert bodies(ada, "old") == ["old 2"]
    assert bodies(ada, "new") == ["new"]
    assert bodies(ada, "from:ada") == ["old 2", "new"]
    Message.objects.filter(seq=third).update(body="without an action")
    Message.objects.filter(seq=first).delete()
    assert bodies(ada, "old") == bodies(ada, "new") == []
    assert bodies(ada, "without action") == ["without an action"]


@pytest.mark.django_db
def test_what_is_rolled_back_is_not_found(ada: User, public: Room, say: Say) -> None:
    with transaction.atomic():
        say(public, ada, "never said")
        assert bodies(ada, "never") == ["never said"]
        transaction.set_rollback(True)
    assert bodies(ada, "never") == []


@pytest.mark.django_db
def test_a_message_that_grows_is_found_as_far_as_it_is(ada: User, public: Room, say: Say) -> None:
    asked = say(public, ada, "Tell me")
    message, _ = actions.begin_message(public, ada, client_id="grows", reply_to=asked.seq)
    actions.grow_message(message, "Once upon")
    assert bodies(ada, "upon") == ["Once upon"]
    actions.grow_message(message, "Once upon a time")
    actions.finish_message(message)
    assert bodies(ada, "upon") == bodies(ada, "time") == ["Once upon a time"]


@pytest.mark.django_db
def test_the_words_of_someone_who_is_deleted_stay_and_those_of_a_room_do_not(
    ada: User, bob: User, public: Room, private: Room, say: Say
) -> None:
    say(public, bob, "words that stay")
    say(private, bob, "words that go")
    bob.delete()
    actions.delete_room(private)
    ((message, parts),) = search.found(ada, search.read("words")).results
    assert message.sender["name"] == "Deleted user"
    assert parts == [("words", True), (" that stay", False)]
    assert Message.objects.filter(Says([Term("words")])).count() == 1


# Filters


@pytest.mark.django_db
def test_filters(ada: User, bob: User, public: Room, private: Room, say: Say) -> None:
    say(public, ada, "plan 1")
    say(public, bob, "plan 2: see https://example.com")
    pictured, filed = say(private, bob, "plan 3"), say(private, ada, "plan 4")
    for said, kind in ((pictured, "image/png"), (filed, "application/octet-stream")):
        message = Message.objects.get(room=private, seq=said.seq)
        Attachment.objects.create(
            room=private, message=message, name="x", content_type=kind, size=1
        )
    found = {
        text: [body[:6] for body in bodies(ada, text)]
        for text in (
            "plan from:ada",
            "plan FROM:@Bob in:general",
            "from:bob from:ada in:engineering",
            "has:image",
            "has:file",
            "plan has:link",
            "has:link from:ada",
            "has:file has:image 3",
            "plan in:general in:engineering",
        )
    }
    assert found == {
        "plan from:ada": ["plan 4", "plan 1"],
        "plan FROM:@Bob in:general": ["plan 2"],
        "from:bob from:ada in:engineering": ["plan 4", "plan 3"],
        "has:image": ["plan 3"],
        "has:file": ["plan 4", "plan 3"],
        "plan has:link": ["plan 2"],
        "has:link from:ada": [],
        "has:file has:image 3": ["plan 3"],
        "plan in:general in:engineering": ["plan 4", "plan 3", "plan 2", "plan 1"],
    }


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("plan from:nobody", "There is nobody called @nobody."),
        ("from:" + "e\u0301" * 90, "There is nobody called @ééé"),
        ("plan in:nowhere", "You are in no room called “nowhere”. "),
        ("plan in:engineering", "You are in no room called “engineering”. "),
        ("has:cat", "A message cannot have “cat”. Write has:file, has:image or has:link."),
        ("🎉", "There is no word in this. "),
        ("***", "There is no word in this. "),
        ('"', "There is no word in this. "),
        ('""', "There is no word in this. "),
        ("-", "There is no word in this. "),
        ("x" * 10_000, "A search has at most 200 characters, and this has 10,000. "),
    ],
)
@pytest.mark.django_db
def test_a_refusal_says_why_and_keeps_what_was_typed(
    browser: Client, bob: User, public: Room, text: str, detail: str
) -> None:
    actions.create_room(bob, name="Engineering", kind=Room.Kind.PRIVATE)
    response = browser.get("/search/", {"q": text})
    assert response.status_code == 200
    assert response.context["refused"].startswith(detail)
    assert response.context["query"] == text


@pytest.mark.parametrize(
    "text",
    [
        *('"lunch', 'lunch"', '"lunch" "', '"" lunch', '"***" lunch', "lunch ***", "*"),
        *("AND", "OR NOT lunch", "NEAR(lunch today)", "lunch AND", "body:lunch", "^lunch"),
        *("from:", "in: lunch", "has:", ":", "a:b", "'", "''", "' | 'x':*", "\\", "lunch\\"),
        *("!lunch", "lunch & !today", "<->", "lunch:*", "lunch:A", "\x00", "lunch\x00today"),
        *("lunch -", "{lunch", "%", "_", "\ufffd", "𞤀𞤁", "१२", "①", "i̇", "ß", "\u0301"),
        *(" ".join("a" * 100), "“lunch”", "lunch\n\ttoday", "e\u0301" * 90),
    ],
)
@pytest.mark.django_db
def test_nothing_that_is_typed_breaks_the_search(
    browser: Client, ada: User, public: Room, say: Say, text: str
) -> None:
    say(public, ada, "lunch today")
    assert browser.get("/search/", {"q": text}).status_code == 200
    assert browser.get("/search/", {"q": f"lunch {text[:190]}", "before": text}).status_code == 200


@pytest.mark.django_db
def test_searching_has_a_budget(
    browser: Client, ada: User, public: Room, settings: Settings
) -> None:
    settings.BUDGETS = {"searches": [1, 60]}
    answers = [browser.get("/search/?q=lunch").status_code for _ in range(2)]
    assert answers == [200, 429]
    assert browser.get("/search/").status_code == 200


# How it is shown


@pytest.mark.django_db
def test_the_page_shows_results_and_where_they_are(
    browser: Client, ada: User, bob: User, public: Room, say: Say
) -> None:
    say(public, bob, "Say <b>plans</b>, **plan** or planet & Plän")
    say(actions.start_direct(ada, bob), bob, "plan")
    page = browser.get("/search/?q=plan").content.decode()
    assert page.count("<h1>") == page.count('role="search"') == 1
    assert (
        "Say &lt;b&gt;<mark>plans</mark>&lt;/b&gt;, <mark>plan</mark> or "
        "<mark>planet</mark> &amp; <mark>Plän</mark>"
    ) in page
    results = re.findall(r'class="result__text"\s+dir="auto"\s+href="([^"]*)"', page)
    direct = Room.objects.get(kind=Room.Kind.DIRECT)
    assert results == [f"/rooms/{direct.slug}/?at=1", "/rooms/general/?at=1"]


@pytest.mark.django_db
def test_a_room_alone_is_no_search_but_is_filled_in(browser: Client, public: Room) -> None:
    page = browser.get("/search/?q=in:general+")
    assert "found" not in page.context
    assert 'value="in:general "' in page.content.decode()


@pytest.mark.django_db
def test_nothing_found_says_so(browser: Client, public: Room) -> None:
    page = browser.get("/search/?q=nothing").content.decode()
    assert "No message in your rooms has all of this." in page


@pytest.mark.django_db
def test_more_results_follow_by_their_time_and_nothing_comes_twice(
    browser: Client, ada: User, public: Room, say: Say
) -> None:
    now = timezone.now()
    for number in range(45):  # each three at the same time, and the latest ones written first
        say(public, ada, f"plan {number}", created_at=now - timedelta(hours=number // 3))
    seen: list[str] = []
    link = "/search/?q=plan"
    while link:
        page = browser.get(link)
        seen += ["".join(text for text, _ in parts) for _, parts in page.context["found"].results]
        say(public, ada, "plan of later")
        more = re.search(r'rel="next"\s+href="([^"]*)"', page.content.decode())
        link = f"/search/{more[1].replace('&amp;', '&')}" if more else ""
    assert seen == [
        f"plan {number}" for hour in range(0, 45, 3) for number in (hour + 2, hour + 1, hour)
    ]


@pytest.mark.django_db
def test_a_place_in_another_room_tells_nothing(
    ada: User, bob: User, public: Room, say: Say
) -> None:
    elsewhere = actions.create_room(bob, name="Elsewhere", kind=Room.Kind.PRIVATE)
    say(elsewhere, bob, "plan", created_at=timezone.now() - timedelta(days=1))
    say(public, ada, "plan")
    before = Message.objects.get(room=elsewhere).pk
    assert len(search.found(ada, search.read("plan"), before).results) == 1


@pytest.mark.parametrize(
    ("text", "terms", "shown"),
    [
        ("Lunch today", [Term("lun", True)], "[Lunch] today"),
        ("Lunch today", [Term("lun")], "Lunch today"),
        ("to be or not to be", [Term("to be")], "[to] [be] or not [to] [be]"),
        ("to do", [Term("to be", True)], "to do"),
        ("cre\u0300me brûlée", [Term("BRULEE"), Term("crème")], "[cre\u0300me] [brûlée]"),
        ("(plan), _plan_", [Term("plan")], "([plan]), _[plan]_"),
        ("", [Term("plan")], ""),
        (f"{'a ' * 200}plan {'b ' * 200}", [Term("plan")], f"…{'a ' * 8}[plan] {'b ' * 129}b…"),
        ("漢" * 300 + " plan", [Term("plan")], f"…{'漢' * 79} [plan]"),
        ("x" * 281, [], f"{'x' * 280}…"),
    ],
)
def test_an_excerpt_shows_what_was_looked_for(text: str, terms: list[Term], shown: str) -> None:
    parts = excerpt(text, terms)
    assert "".join(f"[{part}]" if is_meant else part for part, is_meant in parts) == shown


# The index


@pytest.mark.django_db
def test_the_index_is_used_among_many_messages(ada: User, public: Room) -> None:
    with connection.cursor() as cursor:
        cursor.execute(MANY, [public.pk, ada.pk, timezone.now(), False])
        cursor.execute("ANALYZE chat_message")
    assert bodies(ada, "word77777") == ["word77777 of many"]
    assert bodies(ada, "from:ada word7777") == [
        *(f"word{number} of many" for number in range(77779, 77769, -1)),
        "word7777 of many",
    ]
    mine = Membership.objects.filter(user=ada).values("room")
    query = Message.objects.filter(Says([Term("word777", True)]), room__in=mine)
    plan = query.order_by("-created_at", "-pk")[:21].explain()
    if connection.vendor == "sqlite":
        assert "SEARCH chat_message USING INTEGER PRIMARY KEY (rowid=?)" in plan
        assert "SCAN chat_message_words VIRTUAL TABLE INDEX 0:M" in plan
    else:
        assert "Bitmap Index Scan on chat_message_words" in plan


@pytest.mark.django_db(transaction=True)
def test_messages_from_before_the_index_are_found(ada: User, public: Room, say: Say) -> None:
    say(public, ada, "said before")
    try:
        call_command("migrate", "chat", "0002", verbosity=0)
    finally:
        call_command("migrate", "chat", verbosity=0)
    assert bodies(ada, "before") == ["said before"]


@pytest.mark.django_db(transaction=True)
def test_the_index_outlives_a_change_of_the_table(ada: User, public: Room, say: Say) -> None:
    say(public, ada, "said before")
    field = Message._meta.get_field("client_id")
    longer = CharField(max_length=65)
    longer.set_attributes_from_name("client_id")
    for before, after in ((field, longer), (longer, field)):
        with connection.schema_editor() as editor:
            editor.alter_field(Message, before, after)
    say(public, ada, "said between")
    call_command("migrate", verbosity=0)
    say(public, ada, "said after")
    assert bodies(ada, "said") == ["said after", "said between", "said before"]
