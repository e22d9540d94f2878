"""The demo's people and rooms."""

from collections import Counter

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User
from chat.models import Membership, Message, Reaction, Room
from chat.queries import rooms_of

pytestmark = pytest.mark.django_db


def seed(*arguments: str) -> None:
    call_command("seed_demo", "--force", *arguments, verbosity=0, stdout=_Nowhere())


class _Nowhere:
    def write(self, text: str) -> None:
        pass


def everything() -> list[object]:
    models = (User, Room, Membership, Message, Reaction)
    return [list(model._default_manager.order_by("pk").values()) for model in models]


def test_two_people_find_three_rooms_and_each_other() -> None:
    seed()
    assert Counter(Room.objects.values_list("kind", flat=True)) == {
        "public": 2,
        "private": 1,
        "direct": 1,
    }
    for username in ("ada", "grace"):
        person = User.objects.get(username=username)
        assert person.check_password("demo-demo-demo")
        assert {room.slug for room in rooms_of(person)} >= {"general", "random", "engineering"}
    assert Message.objects.exclude(reply_to=None).exists()
    assert Message.objects.exclude(edited_at=None).exists()
    assert Reaction.objects.exists()


def test_what_was_said_is_in_the_order_of_its_times() -> None:
    seed()
    for room in Room.objects.all():
        times = list(room.messages.order_by("seq").values_list("created_at", flat=True))
        assert times == sorted(times)


def test_a_second_time_changes_nothing() -> None:
    seed()
    before = everything()
    seed()
    assert everything() == before


def test_an_account_of_that_name_keeps_its_password(ada: User) -> None:
    before = ada.password
    seed()
    ada.refresh_from_db()
    assert ada.password == before


def test_a_site_that_is_not_in_debug_mode_is_left_alone() -> None:
    with pytest.raises(CommandError, match="--force"):
        call_command("seed_demo")
    assert not User.objects.exists()
