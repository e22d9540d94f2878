"""Looking at a page changes nothing: browsers fetch what nobody has opened."""

from collections.abc import Iterator
from contextlib import suppress

import pytest
from allauth.account.models import EmailAddress
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

SESSIONS = "sessions.Session"  # allauth notes in them where to go on


@pytest.fixture
def rooms(ada: User, bob: User) -> None:
    """Bob's rooms: one that ada may join, one to which she is invited, and one in which she is."""
    EmailAddress.objects.create(user=ada, email=ada.email, primary=True)
    actions.create_room(bob, name="Open")
    actions.invite(actions.create_room(bob, name="Asked", kind=Room.Kind.PRIVATE), bob, ada)
    actions.enter(actions.create_room(bob, name="Mine"), ada)
    notify([ada], "announcement", text="Hello", link="/people/")


def names(patterns: list[URLPattern | URLResolver], namespace: str = "") -> Iterator[str]:
    for each in patterns:
        if isinstance(each, URLResolver):
            if each.namespace not in ("admin", "headless"):
                inner = f"{namespace}{each.namespace}:" if each.namespace else namespace
                yield from names(each.url_patterns, inner)
        elif each.name:
            yield namespace + each.name


def paths() -> list[str]:
    """Every page that has a name, of everything that there is."""
    slugs = Room.objects.values_list("slug", flat=True)
    things: list[dict[str, object]] = [{}, {"username": "bob"}]
    things += [{"slug": slug, **person} for slug in slugs for person in ({}, {"username": "bob"})]
    things += [{"pk": pk} for pk in Notification.objects.values_list("pk", flat=True)]
    found: dict[str, None] = {}
    for name in names(get_resolver().url_patterns):
        for thing in things:
            with suppress(NoReverseMatch):
                found[reverse(name, kwargs=thing)] = None
    return list(found)


def rows() -> dict[str, str]:
    return {
        model._meta.label: serializers.serialize("json", model._default_manager.order_by("pk"))
        for model in apps.get_models()
        if model._meta.label != SESSIONS
    }


def test_no_page_changes_anything(ada: User, rooms: None) -> None:
    browser = Client()
    browser.force_login(ada)
    before, asked = rows(), paths()
    assert {"/", "/rooms/open/", "/rooms/asked/accept/", "/rooms/open/join/"} < set(asked)
    assert {f"/notifications/{each.pk}/" for each in Notification.objects.all()} < set(asked)
    for path in asked:
        browser.get(path)
    assert rows() == before
