"""What every page about people has in common."""

import re

import pytest
from allauth.account.models import EmailAddress
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.templatetags.people import avatar

# A block of data is not a script: no browser runs it, and the policy lets it be.
INLINE = re.compile(
    r"<script(?![^>]*\bsrc=)(?![^>]*application/json)|<style|\sstyle=|\son\w+=|javascript:", re.I
)


def check(html: str) -> None:
    assert not INLINE.search(html)
    assert html.count("<h1") == 1
    assert '<html lang="en"' in html
    assert 'id="main"' in html


@pytest.mark.parametrize("name", ["accounts:edit", "account_email"])
def test_a_page_for_people_keeps_to_the_content_policy(
    client: Client, grace: User, name: str
) -> None:
    client.force_login(grace)
    EmailAddress.objects.create(user=grace, email="new@example.com", primary=False)
    page = client.get(reverse(name))
    assert page.status_code == 200
    check(page.content.decode())


def test_a_page_that_is_not_there_stands_alone(client: Client, db: None) -> None:
    page = client.get("/nothing-here/")
    html = page.content.decode()
    assert page.status_code == 404
    assert "There is nothing here" in html
    assert not INLINE.search(html)


@pytest.mark.parametrize("person", ["user", "dictionary"])
def test_an_avatar_is_the_initials_on_the_colour(grace: User, person: str) -> None:
    shown = grace if person == "user" else grace.as_person()
    svg = render_to_string("accounts/avatar.html", avatar(shown, "small"))
    assert 'class="avatar avatar--small"' in svg
    assert f'fill="{grace.color}"' in svg
    assert ">GH</text>" in svg


def test_the_admin_lists_and_edits_people(admin_client: Client, ada: User) -> None:
    listing = admin_client.get(reverse("admin:accounts_user_changelist"), {"q": "ada"})
    editing = admin_client.get(reverse("admin:accounts_user_change", args=[ada.pk]))
    adding = admin_client.post(
        reverse("admin:accounts_user_add"),
        {
            "username": "Mae",
            "usable_password": "true",
            "password1": "x-1-copper",
            "password2": "x-1-copper",
        },
    )
    assert (listing.status_code, editing.status_code) == (200, 200)
    assert adding.status_code == 302
    assert User.objects.filter(username="mae").exists()
