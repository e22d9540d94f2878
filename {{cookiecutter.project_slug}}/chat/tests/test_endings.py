"""What owners do with a whole room: archive it, hand it over, delete it."""

import pytest
from django.core.files.base import ContentFile

from accounts.models import User
from chat import actions
from chat.actions import Draft
from chat.models import Message, Room
from chat.queries import rooms_to_join
from chat.tests.conftest import Published, Say, refused
from chat.tests.test_bans import signed_in
from realtime.protocol import CloseCode, ErrorCode, Refusal
from realtime.testing import connect

pytestmark = pytest.mark.django_db

SETTINGS = "/rooms/general/settings/"


@pytest.fixture
def archived(ada: User, public: Room, say: Say) -> Room:
    say(public, ada, "Before", client_id="before")
    actions.set_archived(public, ada, archived=True)
    return public


def test_in_an_archived_room_nothing_is_written(ada: User, archived: Room, say: Say) -> None:
    file = ContentFile(b"x", "x.txt")
    for write in (
        lambda: say(archived, ada),
        lambda: actions.edit_message(archived, ada, seq=1, body="After"),
        lambda: actions.toggle_reaction(archived, ada, seq=1, emoji="👍"),
        lambda: actions.begin_message(archived, ada, client_id="x", reply_to=1),
        lambda: actions.upload(archived, ada, file),
    ):
        with refused(ErrorCode.CONFLICT):
            write()
    assert Message.objects.get().body == "Before"
    assert actions.delete_message(archived, ada, seq=1).deleted_at


def test_a_retry_of_what_was_sent_before_is_answered(ada: User, archived: Room, say: Say) -> None:
    assert say(archived, ada, "Before", client_id="before").seq == 1


def test_of_a_batch_only_what_is_for_an_archived_room_is_refused(
    ada: User, archived: Room, private: Room
) -> None:
    drafts = [Draft(room, ada.pk, "new", "Hello") for room in (archived, private)]
    there, here = actions.post_messages(drafts)
    assert isinstance(there, Refusal)
    assert there.detail.startswith("This room is archived")
    assert not isinstance(here, Refusal)


def test_an_archived_room_is_read_and_not_offered(bob: User, eve: User, archived: Room) -> None:
    page = signed_in(bob).get("/rooms/general/").content.decode()
    assert 'class="room room--archived"' in page
    assert "Before" in page
    assert archived not in rooms_to_join(eve)
    assert actions.enter(archived, eve)


def test_an_owner_archives_and_reopens_it_before_all_eyes(
    ada: User, public: Room, published: Published, say: Say
) -> None:
    owner = signed_in(ada)
    for form, is_archived in (({}, True), ({"reopen": ""}, False)):
        for _ in range(2):
            assert owner.post("/rooms/general/archive/", form)["Location"] == "/rooms/general/"
        assert published.last("room.updated")["data"]["room"]["archived"] is is_archived
    assert published.types("chat:general") == ["room.updated", "room.updated"]
    assert say(public, ada)


def test_nobody_is_invited_to_an_archived_room(ada: User, eve: User, archived: Room) -> None:
    with refused(ErrorCode.CONFLICT):
        actions.invite(archived, ada, eve)
    with refused(ErrorCode.CONFLICT):
        actions.make_link(archived, ada)
    actions.withdraw_link(archived, ada)
    owner = signed_in(ada)
    assert 'name="username"' not in owner.get("/rooms/general/").content.decode()
    page = owner.post("/rooms/general/link/", follow=True).content.decode()
    assert "This room is archived" in page
    assert "Make a link" not in page
    assert "It is archived: join to read." in signed_in(eve).get("/rooms/general/").content.decode()


def test_who_is_deactivated_meanwhile_does_not_become_owner(
    ada: User, bob: User, public: Room
) -> None:
    actions.enter(public, bob)
    User.objects.filter(pk=bob.pk).update(is_active=False)
    with refused(ErrorCode.CONFLICT):
        actions.transfer_room(public, ada, bob)


@pytest.mark.django_db(transaction=True)
async def test_whoever_comes_back_is_told(bob: User, archived: Room) -> None:
    async with connect("/ws/chat/general/", bob) as client:
        assert (await client.expect("welcome"))["data"]["room"]["archived"] is True


def test_owners_alone_end_a_room(ada: User, bob: User, eve: User, public: Room) -> None:
    actions.change_role(public, ada, bob, "moderator")
    page = signed_in(bob).get(SETTINGS).content.decode()
    assert "Archive the room" not in page
    assert "Archive the room" in signed_in(ada).get(SETTINGS).content.decode()
    for person in (bob, eve):
        for archived in (True, False):
            with refused(ErrorCode.FORBIDDEN):
                actions.set_archived(public, person, archived=archived)
        with refused(ErrorCode.FORBIDDEN):
            actions.delete_room(public, person)
        with refused(ErrorCode.FORBIDDEN):
            actions.transfer_room(public, person, ada)
    direct = actions.start_direct(ada, bob)
    with refused(ErrorCode.CONFLICT):
        actions.set_archived(direct, ada, archived=True)
    with refused(ErrorCode.CONFLICT):
        actions.delete_room(direct, ada)


def test_an_owner_hands_it_over(ada: User, bob: User, public: Room) -> None:
    response = signed_in(ada).post("/rooms/general/transfer/", {"username": "@Bob"})
    assert response["Location"] == "/rooms/general/"
    roles = dict(public.memberships.values_list("user__username", "role"))
    assert roles == {"ada": "member", "bob": "owner"}


@pytest.mark.parametrize(
    ("username", "word"),
    [
        ("ada", "Choose another person"),
        ("eve", "eve is not in this room."),
        ("nobody", "There is nobody called @nobody."),
        ("", "There is nobody called @."),
        ("gone", "Choose another person"),
        ("helper", "Choose another person"),
    ],
)
def test_it_is_handed_to_an_active_member_only(
    ada: User, eve: User, public: Room, username: str, word: str
) -> None:
    actions.enter(public, gone := User.objects.create(username="gone"))
    User.objects.filter(pk=gone.pk).update(is_active=False)
    actions.add_bot(public, ada, User.objects.create(username="helper", is_bot=True))
    owner = signed_in(ada)
    assert owner.post("/rooms/general/transfer/", {"username": username})["Location"] == SETTINGS
    assert word in owner.get(SETTINGS).content.decode()
    assert public.memberships.get(role="owner").user == ada


def test_a_room_is_deleted_by_its_name(
    ada: User, bob: User, public: Room, published: Published
) -> None:
    owner = signed_in(ada)
    for name in ("", "general", "Generall"):
        assert owner.post("/rooms/general/delete/", {"name": name})["Location"] == SETTINGS
    assert "Nothing was deleted" in owner.get(SETTINGS).content.decode()
    assert signed_in(bob).post("/rooms/general/delete/", {"name": "General"}).status_code == 403
    assert owner.post("/rooms/general/delete/", {"name": " General "})["Location"] == "/"
    assert not Room.objects.exists()
    assert ("chat:general", bob.pk, CloseCode.NOT_FOUND) in published.dismissed
