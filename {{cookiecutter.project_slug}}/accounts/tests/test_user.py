import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts.models import User, color_for


def test_a_person_is_shown_by_id_username_name_colour_and_initials(grace: User) -> None:
    assert grace.as_person() == {
        "id": grace.pk,
        "username": "grace",
        "name": "Grace Hopper",
        "color": color_for("grace"),
        "initials": "GH",
    }


def test_without_a_display_name_a_person_goes_by_the_username(ada: User) -> None:
    assert (ada.name, ada.initials) == ("ada", "A")


def test_usernames_are_kept_in_lower_case(db: None) -> None:
    assert User.objects.create(username="Ada").username == "ada"


def test_the_database_itself_refuses_a_username_in_upper_case(ada: User) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(pk=ada.pk).update(username="Ada")


def test_the_same_username_in_other_case_is_refused(ada: User) -> None:
    with pytest.raises(ValidationError, match="Somebody has this username already"):
        User(username="ADA", password="x").full_clean()
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create(username="ADA")


def test_a_person_is_found_by_username_in_any_case(ada: User) -> None:
    assert User.objects.get_by_natural_key("ADA") == ada


def test_a_bot_is_shown_as_one(grace: User) -> None:
    grace.is_bot = True
    assert grace.as_person()["bot"] is True
