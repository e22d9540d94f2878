import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.names import look

TEAL = "#087f5b"


def test_a_profile_shows_its_person(client: Client, ada: User, grace: User) -> None:
    client.force_login(ada)
    page = client.get("/people/Grace/")
    assert page.status_code == 200
    assert page.context["person"] == grace
    assert b"Grace Hopper" in page.content


def test_markup_in_a_name_is_shown_as_text(client: Client, ada: User, grace: User) -> None:
    User.objects.filter(pk=grace.pk).update(display_name="<script>alert(1)</script>")
    client.force_login(ada)
    page = client.get(grace.get_absolute_url())
    assert b"<script>alert" not in page.content
    assert b"&lt;script&gt;alert" in page.content


@pytest.mark.parametrize("username", ["nobody", "gone", "a%00b", "..", "a b"])
def test_there_is_no_profile_without_a_person(client: Client, ada: User, username: str) -> None:
    User.objects.create(username="gone", is_active=False)
    client.force_login(ada)
    assert client.get(f"/people/{username}/").status_code == 404


@pytest.mark.parametrize("url", ["/people/ada/", "/settings/profile/"])
def test_profiles_are_for_who_is_signed_in(client: Client, ada: User, url: str) -> None:
    response = client.get(url)
    assert response.status_code == 302
    assert response.headers["Location"] == f"{reverse('account_login')}?next={url}"


def test_people_change_their_own_name_and_colour(client: Client, ada: User) -> None:
    client.force_login(ada)
    form = {"display_name": "  Ada   Lovelace ", "color": TEAL}
    page = client.post(reverse("accounts:edit"), form, follow=True)
    ada.refresh_from_db()
    assert (ada.name, ada.color) == ("Ada Lovelace", TEAL)
    assert b"Your profile is saved." in page.content


def test_without_a_display_name_people_go_by_their_username(client: Client, grace: User) -> None:
    client.force_login(grace)
    client.post(reverse("accounts:edit"), {"display_name": "", "color": TEAL})
    grace.refresh_from_db()
    assert (grace.display_name, grace.name) == ("", "grace")


@pytest.mark.parametrize(
    ("field", "answer"),
    [
        ("display_name", "x" * 61),
        ("display_name", "\u0958" * 60),  # each is two characters when composed
        ("display_name", "a\x00b"),
        ("display_name", "a\u202eb"),
        ("color", "#ffffff"),
        ("color", "red"),
        ("color", ""),
    ],
)
def test_a_faulty_change_is_named_and_not_kept(
    client: Client, ada: User, field: str, answer: str
) -> None:
    client.force_login(ada)
    form = {"display_name": "Ada Lovelace", "color": TEAL} | {field: answer}
    page = client.post(reverse("accounts:edit"), form)
    before = ada.as_person()
    ada.refresh_from_db()
    assert list(page.context["form"].errors) == [field]
    assert ada.as_person() == before


@pytest.mark.parametrize("name", ["AIice", "A1ice", "b0b", "\u0410lice"])
def test_a_name_that_looks_like_the_username_of_another_is_taken(
    client: Client, ada: User, bob: User, name: str
) -> None:
    bob.display_name = "Robert"
    bob.save()
    User.objects.create(username="alice", display_name="Mrs Liddell")
    client.force_login(ada)
    page = client.post(reverse("accounts:edit"), {"display_name": name, "color": TEAL})
    assert list(page.context["form"].errors) == ["display_name"]


def test_a_name_that_was_free_before_is_kept(client: Client, ada: User) -> None:
    User.objects.filter(pk=ada.pk).update(display_name="Jemand", look=look("Jemand"))
    client.force_login(ada)
    form = {"display_name": "Jemand", "color": TEAL}
    assert client.post(reverse("accounts:edit"), form).status_code == 302
    ada.refresh_from_db()
    assert (ada.name, ada.color) == ("Jemand", TEAL)
