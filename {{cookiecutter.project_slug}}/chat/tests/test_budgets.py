"""How much one person can make others see, by each of chat's doors."""

import re
from collections.abc import Callable, Iterator
from contextvars import Context
from importlib import import_module
from types import SimpleNamespace

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from chat import actions
from chat.models import Invitation, Membership, Message, Room
from chat.tests.conftest import Say, refused
from realtime import budgets
from realtime.protocol import ErrorCode, Refusal

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def one_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    now = timezone.now()
    monkeypatch.setattr(budgets, "timezone", SimpleNamespace(now=lambda: now))


@pytest.fixture
def charging() -> Iterator[None]:
    """Let actions cost what they cost where a person asks for them."""
    with budgets.charging():
        yield


@pytest.fixture
def few(settings: Settings) -> None:
    settings.BUDGETS = {
        name: [3, 3600] for name in ("conversations", "invitations", "joins", "moderation")
    }


def users(count: int) -> list[User]:
    return User.objects.bulk_create(
        User(username=f"user{number}", color="#087f5b") for number in range(count)
    )


def rooms(count: int, **about: object) -> list[Room]:
    return Room.objects.bulk_create(
        Room(slug=f"room-{number}", name=f"Room {number}", **about) for number in range(count)
    )


def how_many(action: Callable[[int], object], tries: int) -> tuple[int, float]:
    """How many tries pass, and how many seconds the first that is refused has to wait."""
    for number in range(tries):
        try:
            with budgets.charging():
                action(number)
        except Refusal as error:
            refusal = error
            break
    else:
        return tries, 0
    assert refusal.code == ErrorCode.RATE_LIMITED, refusal
    assert "Try again in " in refusal.detail
    return number, round(refusal.retry_after or 0)


def test_what_is_enough() -> None:
    import_module("config.urls")  # and with the pages all budgets
    assert {name: budget.limit for name, budget in sorted(budgets.known.items())} == {
        "answers": (60, 3600),
        "conversations": (30, 3600),
        "invitations": (50, 3600),
        "invitations_of_one": (10, 86400),
        "joins": (200, 3600),
        "messages": (6000, 3600),
        "moderation": (300, 3600),
        "profiles": (20, 3600),
        "reactions": (300, 600),
        "rooms": (30, 3600),
        "previews": (200, 3600),
        "searches": (600, 3600),
        "tickets": (1000, 3600),
        "uploads": (1000, 86400),
    }


def test_rooms(ada: User) -> None:
    made = how_many(lambda n: actions.create_room(ada, name=f"Room {n}"), 40)
    assert made == (30, 120)
    assert Room.objects.count() == Membership.objects.count() == 30


def test_direct_rooms_and_those_that_are_there_stay_open(ada: User, few: None) -> None:
    people = users(5)
    assert how_many(lambda n: actions.start_direct(ada, people[n]), 5) == (3, 1200)
    assert actions.start_direct(ada, people[0])
    assert Room.objects.count() == 3


def test_invitations(ada: User, public: Room, few: None) -> None:
    people = users(5)
    assert how_many(lambda n: actions.invite(public, ada, people[n]), 5) == (3, 1200)
    assert actions.invite(public, ada, people[0])
    assert Invitation.objects.count() == 3


def test_invitations_of_one_person_to_many_rooms(ada: User, eve: User) -> None:
    to = rooms(20)
    Membership.objects.bulk_create(Membership(room=room, user=ada, role="owner") for room in to)
    assert how_many(lambda n: actions.invite(to[n], ada, eve), 20) == (10, 8640)


def test_invitations_again_and_again(ada: User, eve: User, public: Room, few: None) -> None:
    def invite(number: int) -> None:
        actions.invite(public, ada, eve)
        if number % 2:
            actions.decline_invitation(public, eve)
        else:
            actions.withdraw_invitation(public, ada, eve)

    assert how_many(invite, 5)[0] == 3


def test_joining_and_leaving_in_turn(eve: User, public: Room, few: None) -> None:
    def join(_: int) -> None:
        actions.enter(public, eve)
        actions.leave_room(public, eve)

    assert how_many(join, 5) == (3, 1200)


def test_renaming_and_roles_and_removals(ada: User, bob: User, public: Room, few: None) -> None:
    def moderate(number: int) -> None:
        match number:
            case 0:
                actions.update_room(public, ada, name="Lobby", about="")
            case 1:
                actions.change_role(public, ada, bob, "moderator")
            case 2:
                actions.remove_member(public, ada, bob)
            case 3:
                actions.lift_ban(public, ada, bob)

    assert how_many(moderate, 4)[0] == 3


def test_messages_over_all_ways_in(
    ada: User, public: Room, say: Say, charging: None, settings: Settings
) -> None:
    settings.BUDGETS = {"messages": [5, 60]}
    draft = actions.Draft(public, ada.pk, "", "Hello")
    drafts = [actions.Draft(public, ada.pk, f"c{n}", "Hello") for n in range(3)]
    results = actions.post_messages([*drafts, draft])
    assert [isinstance(result, Refusal) for result in results] == [False, False, False, True]

    actions.edit_message(public, ada, seq=1, body="Hallo")
    say(public, ada)

    with refused(ErrorCode.RATE_LIMITED):
        say(public, ada)
    with refused(ErrorCode.RATE_LIMITED):
        actions.edit_message(public, ada, seq=1, body="Servus")
    assert actions.edit_message(public, ada, seq=1, body="Hallo").body == "Hallo"
    assert Message.objects.count() == 4


def test_a_retry_costs_nothing_and_finds_its_message_when_nothing_is_left(
    ada: User, public: Room, charging: None, settings: Settings
) -> None:
    settings.BUDGETS = {"messages": [2, 60]}
    one, two, three = (actions.Draft(public, ada.pk, f"c{n}", "Hello") for n in range(3))
    first, again = actions.post_messages([one, one])
    assert again == first
    assert actions.post_messages([one]) == [first]
    results = actions.post_messages([two, one, three, three, two])
    assert [getattr(result, "seq", "refused") for result in results] == [
        *(2, 1, "refused", "refused", 2)
    ]


def test_an_hours_messages_and_mentions(ada: User, public: Room, say: Say) -> None:
    everybody = " ".join(f"@user{number}" for number in range(20))
    mass_mentions, wait = how_many(lambda _: say(public, ada, everybody), 50)
    assert (mass_mentions, wait) == (14, 9)  # 401 of 6,000 each
    assert Message.objects.count() == 14


def test_messages_of_staff_and_of_the_projects_own_code(
    ada: User, bob: User, public: Room, say: Say, charging: None, settings: Settings
) -> None:
    settings.BUDGETS = {"messages": [1, 60]}
    User.objects.filter(pk=ada.pk).update(is_staff=True)
    for _ in range(3):
        say(public, ada)
        Context().run(say, public, bob)
    assert Message.objects.count() == 6


def test_reactions(ada: User, public: Room, say: Say, settings: Settings) -> None:
    settings.BUDGETS = {"reactions": [3, 60]}
    say(public, ada)

    def toggle(_: int) -> None:
        actions.toggle_reaction(public, ada, seq=1, emoji="👍")

    assert how_many(toggle, 5)[0] == 3
    assert actions.toggle_reaction(public, ada, seq=1, emoji="👍", on=True).reactions


# What the victim sees


def test_the_first_page_is_short_however_many_invite(ada: User, eve: User) -> None:
    about = {"kind": "private", "about": "&" * 300}
    Invitation.objects.bulk_create(
        Invitation(room=room, user=eve, invited_by=ada) for room in rooms(150, **about)
    )
    page = signed_in(eve).get("/").content.decode()
    assert page.count("/decline/") == 20
    assert "130 more wait" in page
    assert len(page) < 60_000


def test_a_list_of_rooms_has_the_beginning_of_long_messages(ada: User, say: Say) -> None:
    for room in (actions.create_room(ada, name=f"Room {number}") for number in range(3)):
        say(room, ada, "&" * 4_000)
    page = signed_in(ada).get("/").content.decode()
    assert len(page) < 40_000
    assert re.search(r"(&amp;){200}\s", page)


# What the person is shown who does too much


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def nothing_left(settings: Settings) -> None:
    names = ["rooms", "conversations", "joins", "invitations", "moderation", "profiles"]
    settings.BUDGETS = {name: [1, 3600] for name in names}


def test_a_form_keeps_what_was_typed_and_says_when(ada: User, nothing_left: None) -> None:
    browser = signed_in(ada)
    for name in ("First", "Second"):
        response = browser.post(
            reverse("chat:create"), {"name": name, "about": "", "kind": "public"}
        )
    assert response.status_code == 429
    assert int(response["Retry-After"]) in (3599, 3600)
    page = response.content.decode()
    assert 'value="Second"' in page
    assert "You made many rooms in a short time. Try again in 60 minutes." in page
    for _ in range(2):
        settings = reverse("chat:settings", args=["first"])
        response = browser.post(settings, {"name": "Other", "about": "x"})
    assert (response.status_code, "Retry-After" in response) == (429, True)
    for _ in range(2):
        response = browser.post(reverse("accounts:edit"), {"color": ada.color})
    assert (response.status_code, "Retry-After" in response) == (429, True)


def test_a_button_leads_to_a_page_that_says_when(
    ada: User, bob: User, eve: User, nothing_left: None
) -> None:
    here, there = rooms(2)
    Membership.objects.create(room=here, user=bob, role="owner")
    browser = signed_in(ada)
    for path, data in [
        (reverse("chat:join", args=[here.slug]), {}),
        (reverse("chat:join", args=[there.slug]), {}),
        (reverse("chat:direct", args=["bob"]), {}),
        (reverse("chat:direct", args=["eve"]), {}),
        (reverse("chat:invite", args=[here.slug]), {"username": "eve"}),
    ]:
        response = browser.post(path, data)
        if response.status_code == 302:
            continue
        assert (response.status_code, "Retry-After" in response) == (429, True)
        assert "Try again in 60 minutes." in response.content.decode()
    assert Membership.objects.filter(user=ada).count() == 2  # one room, and one direct one


def test_a_room_made_twice_by_one_form_is_one(ada: User) -> None:
    browser = signed_in(ada)
    page = browser.get(reverse("chat:create")).content.decode()
    found = re.search(r'name="client_id" value="(\w{32})"', page)
    assert found
    data = {"name": "Once", "about": "", "kind": "public", "client_id": found[1]}
    locations = {browser.post(reverse("chat:create"), data)["Location"] for _ in range(2)}
    assert locations == {"/rooms/once/"}
    assert Room.objects.count() == 1


def test_one_makers_retry_is_not_anothers(ada: User, bob: User) -> None:
    first, second = (actions.create_room(by, name="A", client_id="1") for by in (ada, bob))
    assert first != second
    assert actions.create_room(ada, name="B", client_id="1") == first


@pytest.mark.parametrize("name", ["leave", "decline", "withdraw", "remove", "accept", "join"])
def test_a_second_click_does_no_harm(
    ada: User, bob: User, eve: User, private: Room, name: str
) -> None:
    person, args = {
        "leave": (bob, []),
        "decline": (eve, []),
        "accept": (eve, []),
        "join": (bob, []),
        "withdraw": (ada, ["eve"]),
        "remove": (ada, ["bob"]),
    }[name]
    actions.invite(private, ada, eve)
    browser = signed_in(person)
    path = reverse(f"chat:{name}", args=[private.slug, *args])
    first, second = (browser.post(path) for _ in range(2))
    assert first.status_code == second.status_code == 302
    assert first["Location"] == second["Location"]
