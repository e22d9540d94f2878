"""Chat in the admin."""

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from chat import actions
from chat.models import Membership, Message, Room
from chat.tests.conftest import Published, Say

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root", "root@example.com", "x"))
    return client


def url(model: str, page: str, *args: object) -> str:
    return reverse(f"admin:chat_{model}_{page}", args=args)


@pytest.mark.parametrize("model", ["room", "membership", "message", "ban"])
def test_lists_cost_the_same_however_long_they_are(
    admin: Client,
    ada: User,
    bob: User,
    say: Say,
    model: str,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(8):
        room = actions.create_room(ada, name=f"Room {number}")
        actions.enter(room, bob)
        say(room, bob)
    with django_assert_max_num_queries(8):
        assert admin.get(url(model, "changelist")).status_code == 200


@pytest.mark.parametrize("model", ["membership", "message", "ban", "banevent"])
def test_lists_are_in_the_order_of_an_index(admin: Client, model: str) -> None:
    response = admin.get(url(model, "changelist"))
    assert set(response.context["cl"].queryset.query.order_by) == {"-pk"}


@pytest.mark.parametrize("model", ["room", "membership", "message", "ban"])
def test_rows_are_found_and_looked_at(
    admin: Client, ada: User, bob: User, public: Room, say: Say, model: str
) -> None:
    say(public, ada, "general words")
    actions.remove_member(public, ada, bob)
    response = admin.get(url(model, "changelist"), {"q": "general"})
    assert response.context["cl"].result_count >= 1
    row = response.context["cl"].result_list[0]
    assert admin.get(url(model, "change", row.pk)).status_code == 200
    assert admin.get(url(model, "delete", row.pk)).status_code == 200
    assert admin.get(url(model, "add")).status_code == 403


def test_a_message_is_deleted_as_in_chat(
    admin: Client, ada: User, public: Room, say: Say, published: Published
) -> None:
    say(public, ada)
    message = Message.objects.get()
    admin.post(url("message", "delete", message.pk), {"post": "yes"})
    message.refresh_from_db()
    assert (message.seq, message.rev, message.body) == (1, 2, "")
    assert published.last("message.deleted")["rev"] == 2


def test_many_messages_are_deleted_at_once(
    admin: Client, ada: User, public: Room, say: Say
) -> None:
    for _ in range(3):
        say(public, ada)
    chosen = list(Message.objects.values_list("pk", flat=True))
    admin.post(
        url("message", "changelist"),
        {"action": "delete_selected", "_selected_action": chosen, "post": "yes"},
    )
    assert Message.objects.filter(deleted_at=None).count() == 0
    assert Message.objects.count() == 3


def test_a_room_is_renamed_and_tells_its_people(
    admin: Client, public: Room, published: Published
) -> None:
    admin.post(url("room", "change", public.pk), {"name": "Lobby", "about": "Come in"})
    assert published.last("room.updated")["data"]["room"]["name"] == "Lobby"
    admin.post(url("room", "change", public.pk), {"name": "", "about": ""})
    public.refresh_from_db()
    assert (public.name, public.about) == ("Lobby", "Come in")


def test_a_room_is_deleted_and_turns_its_people_out(
    admin: Client, ada: User, bob: User, public: Room, say: Say, published: Published
) -> None:
    say(public, ada)
    admin.post(url("room", "delete", public.pk), {"post": "yes"})
    assert not Room.objects.exists()
    assert {user_id for _, user_id, _ in published.dismissed} == {ada.pk, bob.pk}


def test_a_member_is_expelled_but_not_from_a_direct_room(
    admin: Client, ada: User, bob: User, public: Room, published: Published
) -> None:
    direct = actions.start_direct(ada, bob)
    for room in (public, direct):
        membership = Membership.objects.get(room=room, user=bob)
        admin.post(url("membership", "delete", membership.pk), {"post": "yes"})
    assert not public.memberships.filter(user=bob).exists()
    assert direct.memberships.count() == 2
    assert [user_id for _, user_id, _ in published.dismissed] == [bob.pk]


def test_members_are_expelled_at_once_unless_one_of_the_rooms_is_direct(
    admin: Client, ada: User, bob: User, public: Room
) -> None:
    direct = actions.start_direct(ada, bob)
    form = {"action": "delete_selected", "post": "yes"}
    of_bob = Membership.objects.filter(user=bob)
    for rooms, left in [([public, direct], 2), ([public], 1)]:
        chosen = list(of_bob.filter(room__in=rooms).values_list("pk", flat=True))
        admin.post(url("membership", "changelist"), {**form, "_selected_action": chosen})
        assert of_bob.count() == left
