"""Every way in which text comes in, with every kind of text that others must not see as it is."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import User
from chat import actions
from chat.models import Message, Room
from realtime.protocol import Refusal

pytestmark = pytest.mark.django_db

Door = Callable[[Client, str], object]

MISLEADING = ["a\x00b", "\x1b[31m", "\u202edadA", "a\u200eb", "\u3164", "Z" + "\u0351" * 50]
HALF = "half \ud83d"
PASSWORD = "quiet-copper-lantern"


def page(view: str, /, *args: object, **form: object) -> Callable[[Client], object]:
    return lambda client: client.post(reverse(view, args=args), form)


def headless(path: str, **answers: str) -> Callable[[Client], Any]:  # Any: as in test_headless
    url = f"/_allauth/app/v1/auth/{path}"
    return lambda client: client.post(url, answers, content_type="application/json")


def user_form(client: Client, **answers: str) -> object:
    grace = User.objects.get(username="grace")
    form = {"username": "grace", "display_name": "", "email": "", "color": "", "is_active": "on"}
    dates = {"date_joined_0": "2026-01-01", "date_joined_1": "12:00:00"}
    return page("admin:accounts_user_change", grace.pk, **{**form, **dates, **answers})(client)


def room_form(client: Client, **answers: str) -> object:
    return page("admin:chat_room_change", Room.objects.get().pk, **answers)(client)


def signing_up(client: Client, username: str) -> object:
    answers = {"username": username, "email": "new@example.com", "password1": PASSWORD}
    return page("account_signup", **answers)(Client())


def signing_up_by_json(client: Client, username: str) -> object:
    answers = {"username": username, "email": "new@example.com", "password": PASSWORD}
    return headless("signup", **answers)(Client())


NAMES: dict[str, Door] = {
    "the page of a new room": lambda c, t: page("chat:create", name=t, kind="public")(c),
    "the settings of a room": lambda c, t: page("chat:settings", "general", name=t)(c),
    "a room in the admin": lambda c, t: room_form(c, name=t),
    "a new room": lambda c, t: actions.create_room(User.objects.get(username="ada"), name=t),
    "a room's new name": lambda c, t: actions.update_room(
        Room.objects.get(), None, name=t, about=""
    ),
    "a profile": lambda c, t: page("accounts:edit", display_name=t, color="#087f5b")(c),
    "a person in the admin": lambda c, t: user_form(c, display_name=t),
    "a username in the admin": lambda c, t: user_form(c, username=t),
    "the page to sign up": signing_up,
    "signing up by JSON": signing_up_by_json,
}


@pytest.fixture(autouse=True)
def _any_number_of_attempts(settings: Settings) -> None:
    settings.ACCOUNT_RATE_LIMITS = False


@pytest.fixture
def owner(ada: User, client: Client) -> Client:
    """The browser of a superuser, who has a room; there is somebody else too."""
    User.objects.filter(pk=ada.pk).update(is_superuser=True, is_staff=True)
    User.objects.create_user("grace")
    actions.create_room(ada, name="General")
    client.force_login(ada)
    return client


def seen_by_others() -> list[object]:
    return [
        sorted(Room.objects.values_list("name", "about")),
        sorted(User.objects.values_list("username", "display_name")),
        sorted(Message.objects.values_list("body")),
    ]


@pytest.mark.parametrize("door", NAMES)
def test_no_door_lets_a_misleading_name_in(owner: Client, door: str) -> None:
    before = seen_by_others()
    for text in MISLEADING:
        with suppress(Refusal):
            NAMES[door](owner, text)
        assert (text, seen_by_others()) == (text, before)


@pytest.mark.parametrize("door", NAMES)
def test_every_door_lets_a_plain_name_in(owner: Client, door: str) -> None:
    before = seen_by_others()
    NAMES[door](owner, "plain")
    assert seen_by_others() != before


PEOPLE = {
    door: NAMES[door]
    for door in (
        *("a profile", "a person in the admin", "a username in the admin"),
        *("the page to sign up", "signing up by JSON"),
    )
}


@pytest.mark.parametrize("door", PEOPLE)
@pytest.mark.parametrize("name", ["eve", "EVE", "mallory", "Mallory", "nobody", "You"])
def test_nobody_takes_the_name_of_another(owner: Client, door: str, name: str) -> None:
    """Whether it is a username, the name that others see, or a word of the site's own."""
    User.objects.create_user("eve", display_name="Mallory")
    before = seen_by_others()
    PEOPLE[door](owner, name)
    assert seen_by_others() == before


@pytest.mark.parametrize("door", ["a profile", "a person in the admin"])
@pytest.mark.parametrize(
    "name", ["\u0435v\u0435", "\uff25ve", "E\u200dve", "Mall\u043ery", "M\u0430llory"]
)
def test_nobody_takes_a_name_that_looks_like_anothers(owner: Client, door: str, name: str) -> None:
    User.objects.create_user("eve", display_name="Mallory")
    before = seen_by_others()
    PEOPLE[door](owner, name)
    assert seen_by_others() == before


def test_people_keep_their_own_name_in_other_letters(owner: Client, ada: User) -> None:
    page("accounts:edit", display_name="ADA", color="#087f5b")(owner)
    page("accounts:edit", display_name="Ada", color="#087f5b")(owner)
    ada.refresh_from_db()
    assert ada.name == "Ada"


# Half of a surrogate pair, which JSON and some charsets can carry


@pytest.mark.parametrize(
    "answers",
    [
        {"username": HALF, "email": "new@example.com", "password": PASSWORD},
        {"username": "new", "email": f"{HALF}@example.com", "password": PASSWORD},
        {"username": "new", "email": "new@example.com", "password": HALF},
    ],
)
def test_signing_up_with_half_a_character_is_a_bad_request(
    client: Client, answers: dict[str, str]
) -> None:
    assert headless("signup", **answers)(client).status_code == 400
    assert not User.objects.exists()


@pytest.mark.parametrize("path", ["login", "password/request", "password/reset", "code/request"])
@pytest.mark.parametrize("field", ["username", "email", "password", "key"])
def test_half_a_character_in_other_json_is_a_bad_request(
    client: Client, ada: User, path: str, field: str
) -> None:
    answers = {"username": "ada", "password": PASSWORD} if path == "login" else {}
    response = headless(path, **{**answers, field: HALF})(client)
    assert 400 <= response.status_code < 500


@pytest.mark.parametrize(
    ("view", "args", "field"),
    [
        ("accounts:edit", [], "display_name"),
        ("chat:create", [], "name"),
        ("chat:invite", ["general"], "username"),
        ("account_login", [], "login"),
        ("account_signup", [], "username"),
        ("account_reset_password", [], "email"),
    ],
)
def test_half_a_character_in_a_form_is_no_failure(
    owner: Client, view: str, args: list[str], field: str
) -> None:
    """A form may name its charset, and some can write halves."""
    browser = Client() if view.startswith("account_") else owner
    body = f'--b\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n\\ud83d\r\n--b--\r\n'
    kind = "multipart/form-data; boundary=b; charset=unicode_escape"
    response = browser.generic("POST", reverse(view, args=args), body, kind)
    assert response.status_code < 500


def test_half_a_character_in_an_address_is_no_failure(owner: Client) -> None:
    response = owner.get(
        "/people/", {"q": "\\ud83d"}, content_type="text/plain; charset=unicode_escape"
    )
    assert response.status_code < 500


# Long text


def test_a_long_username_is_cut_before_it_is_normalised(
    owner: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Normalising takes time that grows with the square of the marks in a row."""
    lengths: list[int] = []
    normalise = User.normalize_username

    def counted(username: str) -> str:
        lengths.append(len(username))
        return normalise(username)

    monkeypatch.setattr(User, "normalize_username", counted)
    marks = "a" + "\u0301\u0316" * 2_000
    owner.post(reverse("chat:invite", args=["general"]), {"username": marks})
    assert lengths == [41]


def test_a_long_search_finds_nobody(owner: Client) -> None:
    assert owner.get("/people/", {"q": "a" * 60_000}).status_code == 200
