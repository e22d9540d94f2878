"""Removal from a room is a ban, until somebody who moderates it lifts that."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from chat import actions
from chat.models import Ban, BanEvent, Membership, Room
from chat.queries import rooms_to_join
from chat.tests.conftest import refused
from realtime.protocol import CloseCode, ErrorCode
from realtime.testing import connect

pytestmark = pytest.mark.django_db


@pytest.fixture
def banned(ada: User, bob: User, public: Room) -> User:
    actions.remove_member(public, ada, bob)
    return bob


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def is_in(room: Room, user: User) -> bool:
    return room.memberships.filter(user=user).exists()


def test_who_was_removed_does_not_come_back_by_themselves(public: Room, banned: User) -> None:
    with refused(ErrorCode.FORBIDDEN):
        actions.enter(public, banned)
    browser = signed_in(banned)
    join = reverse("chat:join", args=[public.slug])
    for response in (browser.get(public.get_absolute_url()), browser.post(join)):
        assert response.status_code == 403
        assert "You were removed from this room" in response.content.decode()
        assert "can let you back in" in response.content.decode()
    assert public not in rooms_to_join(banned)
    assert not is_in(public, banned)


@pytest.mark.django_db(transaction=True)
async def test_nor_by_a_socket(public: Room, banned: User) -> None:
    async with connect("/ws/chat/general/", banned) as client:
        assert await client.closed() == CloseCode.FORBIDDEN
    assert not await public.memberships.filter(user=banned).aexists()


def test_no_plain_member_brings_them_back(eve: User, public: Room, banned: User) -> None:
    actions.enter(public, eve)
    with refused(ErrorCode.FORBIDDEN):
        actions.invite(public, eve, banned)
    with refused(ErrorCode.FORBIDDEN):
        actions.lift_ban(public, eve, banned)
    with refused(ErrorCode.FORBIDDEN):
        actions.lift_ban(public, banned, banned)


@pytest.mark.parametrize("way", [actions.accept_invitation, actions.enter])
def test_a_moderators_invitation_lets_them_in(
    ada: User, eve: User, public: Room, banned: User, way: object
) -> None:
    actions.enter(public, eve)
    actions.change_role(public, ada, eve, "moderator")
    actions.invite(public, eve, banned)
    assert way(public, banned)  # type: ignore[operator]
    assert not Ban.objects.exists()
    actions.leave_room(public, banned)
    assert actions.enter(public, banned)


def test_a_withdrawn_invitation_leaves_the_ban(ada: User, public: Room, banned: User) -> None:
    actions.invite(public, ada, banned)
    actions.withdraw_invitation(public, ada, banned)
    with refused(ErrorCode.FORBIDDEN):
        actions.enter(public, banned)


def test_moderators_see_and_lift_bans_in_the_rooms_settings(
    ada: User, eve: User, public: Room, banned: User
) -> None:
    actions.enter(public, eve)
    page = reverse("chat:settings", args=["general"])
    lift = reverse("chat:lift_ban", args=["general", "bob"])
    assert signed_in(eve).get(page).status_code == 403
    assert signed_in(eve).post(lift).status_code == 403
    owner = signed_in(ada)
    assert lift in owner.get(page).content.decode()
    for _ in range(2):
        assert owner.post(lift)["Location"] == page
    assert lift not in owner.get(page).content.decode()
    assert actions.enter(public, banned).role == "member"


def test_the_site_bans_and_lifts_bans_in_the_admin(ada: User, bob: User, public: Room) -> None:
    root = signed_in(User.objects.create_superuser("root", "root@example.com", "x"))
    membership = Membership.objects.get(room=public, user=ada)
    root.post(reverse("admin:chat_membership_delete", args=[membership.pk]), {"post": "yes"})
    ban = Ban.objects.get(room=public, user=ada)
    assert root.get(reverse("admin:chat_ban_changelist"), {"q": "ada"}).status_code == 200
    with refused(ErrorCode.FORBIDDEN):
        actions.enter(public, ada)
    root.post(reverse("admin:chat_ban_delete", args=[ban.pk]), {"post": "yes"})
    assert actions.enter(public, ada)


def test_removing_twice_is_harmless(ada: User, public: Room, banned: User) -> None:
    actions.remove_member(public, ada, banned)
    assert Ban.objects.get().banned_by == ada


def test_leaving_is_no_ban(bob: User, public: Room) -> None:
    actions.leave_room(public, bob)
    assert not Ban.objects.exists()
    assert actions.enter(public, bob)


def test_an_invitation_lifts_the_ban_of_a_private_room(ada: User, bob: User, private: Room) -> None:
    actions.remove_member(private, ada, bob)
    assert Ban.objects.get().room == private
    actions.invite(private, ada, bob)
    assert actions.accept_invitation(private, bob)
    assert not Ban.objects.exists()


def test_whose_account_is_deactivated_or_deleted_is_not_banned(
    ada: User, bob: User, public: Room
) -> None:
    root = signed_in(User.objects.create_superuser("root", "root@example.com", "x"))
    User.objects.filter(pk=bob.pk).update(is_active=False)
    root.post(reverse("admin:accounts_user_delete", args=[ada.pk]), {"post": "yes"})
    assert not Ban.objects.exists()
    User.objects.filter(pk=bob.pk).update(is_active=True)
    assert actions.enter(public, bob)


@pytest.mark.django_db(transaction=True)
async def test_a_page_that_is_still_open_brings_nobody_back_who_has_left(
    bob: User, public: Room
) -> None:
    path, epoch = "/ws/chat/general/", str(public.epoch)
    await public.memberships.filter(user=bob).adelete()
    async with connect(f"{path}?since=0&epoch={epoch}", bob) as client:
        assert await client.closed() == CloseCode.FORBIDDEN
    assert not await public.memberships.filter(user=bob).aexists()
    async with connect(path, bob) as client:
        assert (await client.expect("welcome"))["data"]["you"]["role"] == "member"


def test_staff_read_who_banned_whom_and_who_let_them_back_in(
    ada: User, bob: User, eve: User, public: Room
) -> None:
    def log() -> list[tuple[str, ...]]:
        rows = BanEvent.objects.order_by("pk")
        return list(rows.values_list("user__username", "what", "by__username"))

    root = User.objects.create_superuser("root", "root@example.com", "x")
    actions.enter(public, eve)
    for _ in range(2):  # the second time nothing happens
        actions.remove_member(public, ada, bob)
        actions.lift_ban(public, ada, eve)
    assert log() == [("bob", "banned", "ada")]
    actions.invite(public, ada, bob)
    actions.accept_invitation(public, bob)
    actions.remove_member(public, None, bob)
    actions.lift_ban(public, ada, bob)
    assert log()[1:] == [
        ("bob", "lifted", "ada"),
        ("bob", "banned", None),
        ("bob", "lifted", "ada"),
    ]
    staff = signed_in(root)
    page = staff.get(reverse("admin:chat_banevent_changelist"), {"q": "bob"}).content.decode()
    assert page.count("Let back in</td>") == 2
    actions.delete_room(public)
    event = BanEvent.objects.latest("pk")
    assert event.room == "general"
    assert staff.get(reverse("admin:chat_banevent_change", args=[event.pk])).status_code == 200
    for url in ("add", "delete"):
        args = [event.pk] if url == "delete" else []
        assert staff.post(reverse(f"admin:chat_banevent_{url}", args=args)).status_code == 403
