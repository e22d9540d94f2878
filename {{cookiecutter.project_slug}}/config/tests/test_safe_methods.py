"""Looking at a page changes nothing: browsers fetch what nobody has opened."""

import re
from collections.abc import Iterator

import pytest
from django.apps import apps
from django.core import serializers
from django.test import Client
from django.urls import NoReverseMatch, URLPattern, URLResolver, get_resolver, reverse

from accounts.models import User
from chat import actions
from chat.models import Room
from notifications.actions import notify
from notifications.models import Notification

pytestmark = pytest.mark.django_db

SESSIONS = "sessions.session"  # allauth notes in them where to go on


@pytest.fixture
def rooms(ada: User, bob: User) -> None:
    """Of bob's: rooms that ada may join, was invited to, or is in; and something she was told."""
    actions.create_room(bob, name="Open")
    actions.invite(actions.create_room(bob, name="Asked", kind=Room.Kind.PRIVATE), bob, ada)
    actions.enter(actions.create_room(bob, name="Mine"), ada)
    notify([ada], "announcement", text="Hello", link="/people/")


def names(patterns: list[URLPattern | URLResolver], namespace: str = "") -> Iterator[str]:
    for each in patterns:
        if isinstance(each, URLResolver):
            if each.namespace != "admin":
                inner = f"{namespace}{each.namespace}:" if each.namespace else namespace
                yield from names(each.url_patterns, inner)
        elif each.name:
            yield namespace + each.name


def paths() -> list[str]:
    """Every page that has a name, of every room, person and notification."""
    values: dict[str, list[object]] = {
        "slug": list(Room.objects.values_list("slug", flat=True)),
        "username": ["ada", "bob"],
        "pk": list(Notification.objects.values_list("pk", flat=True)),
    }
    found = []
    for name in dict.fromkeys(names(get_resolver().url_patterns)):
        for slug in values["slug"]:
            for username in values["username"]:
                for keys in ((), ("slug",), ("username",), ("slug", "username"), ("pk",)):
                    given = {"slug": slug, "username": username, "pk": values["pk"][-1]}
                    try:
                        found.append(reverse(name, kwargs={key: given[key] for key in keys}))
                    except NoReverseMatch:
                        continue
    return list(dict.fromkeys(found))


def rows() -> dict[str, str]:
    return {
        model._meta.label_lower: serializers.serialize(
            "json", model._default_manager.order_by("pk")
        )
        for model in apps.get_models()
        if model._meta.label_lower != SESSIONS
    }


@pytest.mark.parametrize("method", ["get", "head"])
def test_no_page_changes_anything(ada: User, rooms: None, method: str) -> None:
    browser = Client(raise_request_exception=False)
    browser.force_login(ada)
    before, asked = rows(), paths()
    assert {"/", "/rooms/open/", "/rooms/asked/accept/", "/rooms/open/join/"} < set(asked)
    assert any(re.fullmatch(r"/notifications/\d+/", path) for path in asked)
    for path in asked:
        assert getattr(browser, method)(path).status_code < 500
    assert rows() == before
