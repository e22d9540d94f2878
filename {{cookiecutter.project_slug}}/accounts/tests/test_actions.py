import pytest

from accounts.actions import change_profile
from accounts.models import User
from realtime.protocol import ErrorCode, Refusal

TEAL = "#087f5b"


def test_a_changed_profile_is_kept(ada: User) -> None:
    change_profile(ada, display_name="  Ada   Lovelace ", color=TEAL)
    ada.refresh_from_db()
    assert (ada.display_name, ada.color) == ("Ada Lovelace", TEAL)


def test_a_profile_may_lose_its_display_name(grace: User) -> None:
    change_profile(grace, display_name="", color=TEAL)
    grace.refresh_from_db()
    assert grace.name == "grace"


@pytest.mark.parametrize(
    ("display_name", "color"),
    [("a\x00b", TEAL), ("x" * 61, TEAL), ("Ada", "teal"), ("Ada", "#ffffff")],
)
def test_a_refused_profile_changes_nothing(ada: User, display_name: str, color: str) -> None:
    before = ada.as_person()
    with pytest.raises(Refusal) as refused:
        change_profile(ada, display_name=display_name, color=color)
    assert refused.value.code == ErrorCode.INVALID
    assert ada.as_person() == before
    ada.refresh_from_db()
    assert ada.as_person() == before
