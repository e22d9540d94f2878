"""People are renamed, deactivated and deleted: by whatever door, chat has the same to show."""

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client as Browser
from django.urls import reverse

from accounts.forms import ProfileForm
from accounts.models import User, validate_free
from chat import actions
from chat.models import Membership, Message, Room
from chat.queries import pending_invitations, people_to_talk_to
from chat.tests.conftest import Say, refused
from realtime.database import in_database
from realtime.protocol import ErrorCode
from realtime.testing import Client, connect

pytestmark = pytest.mark.django_db(transaction=True)

Values = Mapping[str, Any]  # Any: of each field's type
NOBODY = {"id": 0, "username": "", "name": "Deleted user", "color": "#71717a", "initials": "DU"}


def signed_in() -> Browser:
    browser = Browser()
    browser.force_login(User.objects.create_superuser("root", "root@example.com", "x"))
    return browser


# The doors


def by_the_admins_page(user: User, values: Values) -> None:
    admin, url = signed_in(), reverse("admin:accounts_user_change", args=[user.pk])
    form = admin.get(url).context["adminform"].form
    filled = {name: form.initial.get(name) for name in form.fields} | dict(values)
    dates = {"date_joined_0": "2026-01-01", "date_joined_1": "12:00:00"}
    sent = {name: value for name, value in filled.items() if value not in (None, False, "")}
    answer = admin.post(url, {**sent, **dates})
    assert answer.status_code == 302, answer.context["errors"]


def by_saving(user: User, values: Values) -> None:
    for name, value in values.items():
        setattr(user, name, value)
    user.save()


def by_saving_some_fields(user: User, values: Values) -> None:
    for name, value in values.items():
        setattr(user, name, value)
    user.save(update_fields=list(values))


def by_updating(user: User, values: Values) -> None:
    User.objects.filter(pk=user.pk).update(**values)


def by_updating_in_bulk(user: User, values: Values) -> None:
    for name, value in values.items():
        setattr(user, name, value)
    User.objects.bulk_update([user], list(values))


def by_the_profile(user: User, values: Values) -> None:
    form = ProfileForm(user, {"color": user.color, **values})  # type: ignore[arg-type]
    assert form.is_valid(), form.errors
    form.save()


CHANGES = [
    by_the_admins_page,
    by_saving,
    by_saving_some_fields,
    by_updating,
    by_updating_in_bulk,
]


def delete_by_the_admins_page(user: User) -> None:
    url = reverse("admin:accounts_user_delete", args=[user.pk])
    assert signed_in().post(url, {"post": "yes"}).status_code == 302


def delete_by_the_admins_list(user: User) -> None:
    form = {"action": "delete_selected", "_selected_action": [user.pk], "post": "yes"}
    assert signed_in().post(reverse("admin:accounts_user_changelist"), form).status_code == 302


def delete_in_a_shell(user: User) -> None:
    user.delete()


def delete_by_a_queryset(user: User) -> None:
    User.objects.filter(pk=user.pk).delete()


DELETIONS = [
    delete_by_the_admins_page,
    delete_by_the_admins_list,
    delete_in_a_shell,
    delete_by_a_queryset,
]


# What is seen


class Watched:
    """Ada's rooms, as bob and ada see them on open sockets."""

    def __init__(self, sockets: Mapping[str, Client]) -> None:
        self.ada = sockets["ada"]
        self.room = sockets["room"]
        self.rooms = sockets["rooms"]


async def watch(stack: AsyncExitStack, ada: User, bob: User) -> Watched:
    sockets = {
        "ada": await stack.enter_async_context(connect("/ws/chat/general/", ada)),
        "room": await stack.enter_async_context(connect("/ws/chat/general/", bob)),
        "rooms": await stack.enter_async_context(connect("/ws/chat/", bob)),
    }
    for socket in sockets.values():
        await socket.expect("welcome")
    return Watched(sockets)


@pytest.fixture
def story(public: Room, ada: User, bob: User, eve: User, say: Say) -> Room:
    """In ada's public room she has mentioned bob, reacted and invited eve. Bob and she talk."""
    say(public, ada, "A word, @bob")
    say(public, bob, "Yes, @ada")
    actions.toggle_reaction(public, ada, seq=2, emoji="👍")
    say(public, ada, "A slip")
    actions.delete_message(public, ada, seq=4)
    actions.invite(public, ada, eve)
    say(actions.start_direct(ada, bob), ada, "Between us")
    actions.create_room(ada, name="Alone", kind=Room.Kind.PRIVATE)
    return public


@pytest.mark.parametrize("rename", [*CHANGES, by_the_profile])
async def test_a_new_name_is_seen_at_once(
    story: Room, ada: User, bob: User, rename: Callable[[User, Values], None]
) -> None:
    async with AsyncExitStack() as stack:
        watched = await watch(stack, ada, bob)
        await in_database(rename, ada, {"display_name": "Lady Lovelace"})

        member = (await watched.room.expect("member.updated"))["data"]["member"]
        assert (member["id"], member["name"], member["role"]) == (ada.pk, "Lady Lovelace", "owner")
        await watched.rooms.expect("rooms.changed")


@pytest.mark.parametrize("rename", [*CHANGES, by_the_profile])
def test_nobody_else_takes_a_new_name(
    ada: User, bob: User, rename: Callable[[User, Values], None]
) -> None:
    rename(ada, {"display_name": "Lady Lovelace"})
    with pytest.raises(ValidationError, match="Somebody goes by this name"):
        validate_free("Lady L0velace", bob)


@pytest.mark.parametrize("deactivate", CHANGES)
async def test_whoever_is_deactivated_is_out_and_the_room_has_another_owner(
    story: Room, ada: User, bob: User, eve: User, deactivate: Callable[[User, Values], None]
) -> None:
    async with AsyncExitStack() as stack:
        watched = await watch(stack, ada, bob)
        await in_database(deactivate, ada, {"is_active": False})

        member = (await watched.room.expect("member.updated"))["data"]["member"]
        assert (member["id"], member["role"]) == (bob.pk, "owner")
        assert await watched.ada.closed() == 4401

    def check() -> None:
        gone = User.objects.get(pk=ada.pk)
        assert ada not in people_to_talk_to(bob, "")
        with refused(ErrorCode.NOT_FOUND):
            actions.start_direct(eve, gone)
        with refused(ErrorCode.NOT_FOUND):
            actions.invite(actions.create_room(bob, name="Another"), bob, gone)
        message = actions.post_message(story, bob, body="@ada?", client_id="one")
        assert message.mentions == []

    await in_database(check)


@pytest.mark.parametrize("delete", DELETIONS)
async def test_whoever_is_deleted_leaves_words_and_no_room_without_an_owner(
    story: Room, ada: User, bob: User, eve: User, delete: Callable[[User], None]
) -> None:
    ada_id = ada.pk
    async with AsyncExitStack() as stack:
        watched = await watch(stack, ada, bob)
        await in_database(delete, ada)

        member = (await watched.room.expect("member.updated"))["data"]["member"]
        assert (member["id"], member["role"]) == (bob.pk, "owner")
        assert (await watched.room.expect("member.left"))["data"] == {"user_id": ada_id}
        assert (await watched.room.expect("message.updated"))["data"]["author"] == NOBODY
        await watched.rooms.expect("rooms.changed")
        assert await watched.ada.closed() == 4401

        missed = await watched.room.send("changes", {"since": 5, "epoch": str(story.epoch)})
        messages = {each["seq"]: each for each in missed["data"]["messages"]}
        assert [messages[seq]["author"]["name"] for seq in (1, 2, 4)] == [
            "Deleted user",
            "bob",
            "Deleted user",
        ]
        assert messages[1]["body"] == "A word, @bob"
        assert (messages[2]["reactions"], messages[2]["mentions"]) == ([], [])

    def check() -> None:
        assert not pending_invitations(story).exists()
        assert {room.name for room in Room.objects.all()} == {"General", ""}
        assert Membership.objects.filter(user=bob).count() == 2
        assert Message.objects.filter(author=None).count() == 3

    await in_database(check)


def test_the_admin_says_what_becomes_of_a_deleted_persons_things(story: Room, ada: User) -> None:
    admin = signed_in()
    answer = admin.get(reverse("admin:accounts_user_delete", args=[ada.pk]))

    assert (answer.context["perms_lacking"], answer.context["protected"]) == (set(), [])
    assert "What they wrote stays, as the words of a deleted user." in answer.content.decode()


def test_the_admin_says_that_direct_rooms_keep_their_people(ada: User, bob: User) -> None:
    direct = actions.start_direct(ada, bob)
    chosen = list(direct.memberships.values_list("pk", flat=True))
    form = {"action": "delete_selected", "_selected_action": chosen}
    answer = signed_in().post(reverse("admin:chat_membership_changelist"), form)

    assert answer.context["perms_lacking"] == set()
    assert len(answer.context["protected"]) == 2


def test_a_deactivated_owner_does_not_count_as_the_rooms_owner(
    public: Room, ada: User, bob: User, eve: User
) -> None:
    actions.change_role(public, ada, bob, "owner")
    actions.enter(public, eve)
    User.objects.filter(pk=bob.pk).update(is_active=False)
    actions.leave_room(public, ada)

    assert Membership.objects.get(room=public, user=eve).role == "owner"


def test_a_direct_room_that_both_have_left_is_deleted(ada: User, bob: User, say: Say) -> None:
    say(actions.start_direct(ada, bob), ada, "Between us")
    User.objects.filter(pk__in=[ada.pk, bob.pk]).delete()

    assert not Room.objects.exists()
    assert not Message.objects.exists()


def test_an_account_is_deleted_with_a_cost_that_does_not_grow_with_its_messages(
    public: Room, ada: User, bob: User, say: Say, django_assert_max_num_queries: Any
) -> None:
    for _ in range(30):
        say(public, ada, "Hello @bob")
    with django_assert_max_num_queries(80):
        ada.delete()
