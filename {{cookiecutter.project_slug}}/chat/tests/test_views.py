"""Chat's pages, as a browser asks for them."""

import json
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import User
from chat import actions
from chat.models import Membership, Room
from chat.tests.conftest import Say

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(ada: User) -> Client:
    return signed_in(ada)


def signed_in(user: User, *, checks_csrf: bool = False) -> Client:
    client = Client(enforce_csrf_checks=checks_csrf)
    client.force_login(user)
    return client


def url(name: str, *args: object) -> str:
    return reverse(f"chat:{name}", args=args)


def bootstrap(page: str) -> dict[str, Any]:
    found = re.search(r'<script id="room-data" type="application/json">(.*?)</script>', page)
    assert found
    data: dict[str, Any] = json.loads(found[1])  # Any: JSON
    return data


PAGES = [
    ("home",),
    ("create",),
    ("people",),
    ("search",),
    ("room", "general"),
    ("settings", "general"),
    ("invite", "general"),
]
FORMS = [
    ("archive", "general"),
    ("transfer", "general"),
    ("delete", "general"),
    ("change_link", "general"),
    ("join", "general"),
    ("leave", "general"),
    ("accept", "general"),
    ("decline", "general"),
    ("withdraw", "general", "bob"),
    ("remove", "general", "bob"),
    ("role", "general", "bob"),
    ("lift_ban", "general", "bob"),
    ("direct", "bob"),
]


@pytest.mark.parametrize("where", PAGES + FORMS)
def test_strangers_are_sent_to_sign_in(public: Room, where: tuple[str, ...]) -> None:
    method = Client().post if where in FORMS else Client().get
    response = method(url(*where))
    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("where", FORMS)
def test_what_writes_takes_a_post_with_a_token(
    ada: User, public: Room, where: tuple[str, ...]
) -> None:
    assert signed_in(ada).get(url(*where)).status_code == 405
    assert signed_in(ada, checks_csrf=True).post(url(*where)).status_code == 403
    assert Membership.objects.filter(room=public).count() == 2


@pytest.mark.parametrize("where", [("create",), ("settings", "general"), ("invite", "general")])
def test_forms_need_a_token_too(ada: User, public: Room, where: tuple[str, ...]) -> None:
    response = signed_in(ada, checks_csrf=True).post(url(*where), {"name": "Lobby"})
    assert response.status_code == 403
    assert list(Room.objects.values_list("name", flat=True)) == ["General"]


def test_home_lists_rooms_invitations_and_what_one_may_join(
    bob: User, eve: User, public: Room, private: Room, ada: User
) -> None:
    actions.enter(public, eve)
    actions.invite(private, ada, eve)
    actions.create_room(ada, name="Random")
    response = signed_in(eve).get(url("home"))
    assert [room.name for room in response.context["rooms"]] == ["General"]
    assert [each.room.name for each in response.context["invitations"]] == ["Engineering"]
    assert [room.name for room in response.context["public_rooms"]] == ["Random"]


def test_home_costs_the_same_however_many_rooms_there_are(
    browser: Client,
    ada: User,
    bob: User,
    public: Room,
    say: Say,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(5):
        say(actions.create_room(ada, name=f"Room {number}"), ada)
        room = actions.create_room(bob, name=f"Secret {number}", kind="private")
        actions.invite(room, bob, ada)
        actions.create_room(bob, name=f"Open {number}")
    with django_assert_max_num_queries(10):
        assert browser.get(url("home")).status_code == 200


def test_a_room_starts_with_what_its_page_needs(
    browser: Client, ada: User, bob: User, public: Room, say: Say
) -> None:
    say(public, bob)
    response = browser.get(url("room", "general"))
    data = bootstrap(response.content.decode())
    (message,) = data["opening"]["history"]["messages"]
    assert message["html"] == "<p>Hello</p>"
    since = data["opening"]["unread"].pop("since")
    assert message["created_at"].startswith(since.removesuffix("Z"))  # to the millisecond
    assert data == {
        "slug": "general",
        "kind": "public",
        "you": {**ada.as_person(), "role": "owner", "last_read": 0},
        "opening": {
            "epoch": str(public.epoch),
            "rev": 1,
            "history": {"messages": [message], "more": False, "newer": False},
            "unread": {"first": 1, "last": 1, "count": 1},
            "at": None,
        },
        "limits": {"characters": 4_000},
        "upload": {"url": "/rooms/general/attachments/", "bytes": 20_970_496, "most": 10},
    }
    assert [member.user for member in response.context["members"]] == [bob, ada]


def shown(browser: Client, query: str = "") -> tuple[list[int], int | None]:
    """The `seq` of each message in the page, and of the first that is marked as unread."""
    html = browser.get(f"{url('room', 'general')}{query}").content.decode()
    lines = re.findall(r'<li class="message[^>]*data-seq="(\d+)"(.*?)</li>', html, re.DOTALL)
    unread = [seq for seq, line in lines if re.search(r'data-part="unread"\s*>', line)]
    assert len(unread) < 2
    return [int(seq) for seq, _ in lines], int(unread[0]) if unread else None


def test_a_room_opens_where_its_reader_left_off(
    browser: Client, ada: User, bob: User, public: Room, say: Say
) -> None:
    for number in range(1, 121):
        say(public, bob, f"line {number}")
    assert shown(browser) == (list(range(1, 26)), 1)
    actions.mark_read(public, ada, seq=60)
    assert shown(browser) == (list(range(36, 86)), 61)
    actions.mark_read(public, ada, seq=120)
    assert shown(browser) == (list(range(71, 121)), None)
    assert shown(browser, "?at=30") == (list(range(6, 56)), None)
    for odd in ("?at=x", "?at=-1", "?at=", "?at=٣", f"?at={'9' * 40}"):
        assert shown(browser, odd) == (list(range(71, 121)), None)
    assert shown(browser, "?at=900")[0][-1] == 120


def test_the_form_of_a_room_posts_once_and_loses_nothing_that_is_refused(
    browser: Client, eve: User, public: Room
) -> None:
    form = {"body": "*Hello*", "client_id": "once"}
    for _ in range(2):
        response = browser.post(url("post", "general"), form)
        assert response["Location"] == "/rooms/general/?at=1"
    assert list(public.messages.values_list("body", flat=True)) == ["*Hello*"]

    for body, status, detail in (
        ("   ", 400, "A message cannot be empty."),
        ("x" * 4001, 413, "A message has at most 4,000 characters, and this has 4,001."),
    ):
        response = browser.post(url("post", "general"), {"body": body, "client_id": "twice"})
        assert response.status_code == status
        page = response.content.decode()
        assert f">{body}</textarea>" in page
        assert detail in page
    other = browser.post(url("post", "general"), {"body": "Another", "client_id": "once"})
    assert other.status_code == 409
    assert ">Another</textarea>" in other.content.decode()
    assert public.messages.count() == 1

    assert browser.get(url("post", "general"), {"at": 1})["Location"] == "/rooms/general/?at=1"
    assert signed_in(eve).post(url("post", "general"), form).status_code == 403
    assert Client().post(url("post", "general"), form)["Location"].startswith("/accounts/login/")
    assert signed_in(eve, checks_csrf=True).post(url("post", "general"), form).status_code == 403
    assert public.messages.count() == 1


def test_the_messages_in_a_page_are_read_in_a_few_queries(
    browser: Client,
    bob: User,
    public: Room,
    say: Say,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(30):
        say(public, bob, f"**{number}** @ada", reply_to=number or None)
    with django_assert_max_num_queries(24):
        assert len(shown(browser)[0]) == 25


def test_a_room_costs_the_same_however_many_people_are_in_it(
    browser: Client,
    ada: User,
    public: Room,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(5):
        actions.enter(public, User.objects.create(username=f"user{number}"))
        actions.invite(public, ada, User.objects.create(username=f"guest{number}"))
    with django_assert_max_num_queries(14):
        assert browser.get(url("room", "general")).status_code == 200


def test_looking_at_a_public_room_is_not_joining_it(ada: User, eve: User, public: Room) -> None:
    public = actions.update_room(public, ada, name="General", about="All sorts of things")
    browser = signed_in(eve)
    page = browser.get(url("room", "general")).content.decode()
    assert "room-data" not in page  # with which the script would join
    for shown in ("General", "All sorts of things", "2 people are in this room", "Join the room"):
        assert shown in page
    assert not public.memberships.filter(user=eve).exists()
    assert browser.post(url("join", "general"), follow=True).status_code == 200
    assert "room-data" in browser.get(url("room", "general")).content.decode()


def test_a_direct_room_is_headed_by_the_other_person(browser: Client, ada: User, bob: User) -> None:
    response = browser.get(actions.start_direct(ada, bob).get_absolute_url())
    assert response.context["room"].name == "bob"
    assert Room.objects.get().name == ""


def test_a_private_room_is_not_for_strangers_and_one_that_is_not_is_for_nobody(
    eve: User, private: Room
) -> None:
    for where in ("room", "settings"):
        assert signed_in(eve).get(url(where, "engineering")).status_code == 403
        assert signed_in(eve).get(url(where, "nowhere")).status_code == 404


def test_the_invited_are_shown_their_invitation(ada: User, eve: User, private: Room) -> None:
    actions.invite(private, ada, eve)
    response = signed_in(eve).get(url("room", "engineering"), follow=True)
    assert response.redirect_chain == [("/", 302)]
    assert [each.room for each in response.context["invitations"]] == [private]


def test_a_room_is_made(browser: Client, ada: User) -> None:
    data = {"name": "Ship it", "about": "", "kind": "private"}
    assert browser.post(url("create"), data)["Location"] == "/rooms/ship-it/"
    assert Room.objects.get().memberships.get().user == ada


@pytest.mark.parametrize(
    "data",
    [
        {"name": "", "kind": "public"},
        {"name": "a" * 81, "kind": "public"},
        {"name": "a\x00", "kind": "public"},
        {"name": "a", "kind": "direct"},
        {"name": "a", "kind": "public", "about": "a" * 301},
        {},
    ],
)
def test_a_room_that_cannot_be_made_is_asked_for_again(
    browser: Client, data: dict[str, str]
) -> None:
    response = browser.post(url("create"), data)
    assert response.status_code == 200
    assert response.context["form"].errors
    assert not Room.objects.exists()


def test_moderators_change_a_room_and_members_do_not(
    browser: Client, bob: User, public: Room
) -> None:
    form = {"name": "Lobby", "about": "Come in"}
    assert signed_in(bob).get(url("settings", "general")).status_code == 403
    assert signed_in(bob).post(url("settings", "general"), form).status_code == 403
    assert browser.get(url("settings", "general")).context["form"]["name"].value() == "General"
    assert browser.post(url("settings", "general"), form)["Location"] == "/rooms/general/"
    public.refresh_from_db()
    assert (public.name, public.about) == ("Lobby", "Come in")


def test_one_joins_and_leaves(eve: User, public: Room) -> None:
    browser = signed_in(eve)
    assert browser.post(url("join", "general"))["Location"] == "/rooms/general/"
    assert public.memberships.filter(user=eve).exists()
    assert browser.post(url("leave", "general"))["Location"] == "/"
    assert not public.memberships.filter(user=eve).exists()


def test_one_does_not_join_a_private_room(eve: User, private: Room) -> None:
    assert signed_in(eve).post(url("join", "engineering")).status_code == 403
    assert not private.memberships.filter(user=eve).exists()


def test_whoever_leaves_a_private_room_last_is_told_that_it_ends(
    browser: Client, ada: User, bob: User, private: Room
) -> None:
    last = "Nobody else is in it: the room is deleted, with all that was said."
    assert last not in browser.get(private.get_absolute_url()).content.decode()
    actions.leave_room(private, bob)
    assert last in browser.get(private.get_absolute_url()).content.decode()


def test_leaving_a_direct_room_is_explained(browser: Client, ada: User, bob: User) -> None:
    room = actions.start_direct(ada, bob)
    response = browser.post(url("leave", room.slug), follow=True)
    assert response.redirect_chain == [(room.get_absolute_url(), 302)]
    assert "always has the same two people" in response.content.decode()


def test_an_invitation_is_sent_and_accepted(browser: Client, eve: User, private: Room) -> None:
    browser.post(url("invite", "engineering"), {"username": " @Eve "})
    assert private.invitations.get().user == eve
    response = signed_in(eve).post(url("accept", "engineering"))
    assert response["Location"] == "/rooms/engineering/"
    assert private.memberships.filter(user=eve).exists()


def test_an_invitation_is_declined_or_withdrawn(
    browser: Client, ada: User, eve: User, private: Room
) -> None:
    actions.invite(private, ada, eve)
    assert signed_in(eve).post(url("decline", "engineering"))["Location"] == "/"
    assert not private.invitations.exists()
    actions.invite(private, ada, eve)
    browser.post(url("withdraw", "engineering", "eve"))
    assert not private.invitations.exists()
    assert signed_in(eve).post(url("accept", "engineering")).status_code == 404


@pytest.mark.parametrize(
    ("username", "explanation"),
    [
        ("nobody", "nobody called @nobody"),
        ("", "nobody called @"),
        ("\x00", "nobody called @"),
        ("a" * 300, "nobody called @aaa"),
        ("bob", "in this room already"),
    ],
)
def test_an_invitation_that_cannot_be_sent_is_explained(
    browser: Client, private: Room, username: str, explanation: str
) -> None:
    response = browser.post(url("invite", "engineering"), {"username": username})
    assert response.status_code in (404, 409)
    assert explanation in response.content.decode()
    assert response.context["invited"] == username


def test_the_links_of_a_refused_invitation_lead_into_the_room(
    browser: Client, private: Room
) -> None:
    response = browser.get(url("invite", "engineering"), {"at": "3"})
    assert response["Location"] == "/rooms/engineering/?at=3"


def test_strangers_and_members_manage_nobody(
    ada: User, bob: User, eve: User, private: Room
) -> None:
    for user in (bob, eve):
        browser = signed_in(user)
        for form, data in [
            (url("invite", "engineering"), {"username": "eve"}),
            (url("remove", "engineering", "ada"), {}),
            (url("role", "engineering", "bob"), {"role": "owner"}),
        ]:
            assert browser.post(form, data).status_code == 403
    assert set(private.memberships.values_list("user", "role")) == {
        (ada.pk, "owner"),
        (bob.pk, "member"),
    }


def test_owners_give_roles_and_remove(browser: Client, bob: User, public: Room) -> None:
    browser.post(url("role", "general", "bob"), {"role": "moderator"})
    assert public.memberships.get(user=bob).role == "moderator"
    browser.post(url("role", "general", "bob"), {"role": "king"})
    assert public.memberships.get(user=bob).role == "moderator"
    browser.post(url("remove", "general", "bob"))
    assert not public.memberships.filter(user=bob).exists()


def test_managing_someone_who_is_not_there_is_not_found(browser: Client, public: Room) -> None:
    for form in ("remove", "role", "withdraw"):
        response = browser.post(url(form, "general", "nobody"), {"role": "member"})
        assert response.status_code == 404


def test_people_are_found_and_talked_to(browser: Client, ada: User, bob: User, eve: User) -> None:
    assert list(browser.get(url("people")).context["people"]) == [bob, eve]
    assert list(browser.get(url("people"), {"q": "@BO\x00"}).context["people"]) == [bob]
    location = browser.post(url("direct", "Bob"))["Location"]
    assert location == actions.start_direct(ada, bob).get_absolute_url()


def test_nobody_talks_to_themselves_or_to_nobody(browser: Client) -> None:
    assert browser.post(url("direct", "ada")).status_code == 409
    assert browser.post(url("direct", "nobody")).status_code == 404


def test_the_first_visitor_of_a_site_is_led_to_the_first_account(settings: Settings) -> None:
    settings.FIRST_RUN_CODE = "amber-kettle-thirteen"
    assert Client().get("/")["Location"] == "/first-run/"
