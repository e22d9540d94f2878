import pytest
from django.core.exceptions import ValidationError

from accounts.models import COLORS, User, color_for


def contrast_with_white(color: str) -> float:
    """The contrast ratio of `#rrggbb` with white, from 1 to 21, as WCAG 2 defines it."""
    channels = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [
        each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels
    ]
    return 1.05 / (0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05)


@pytest.mark.parametrize("color", [color for color, _ in COLORS])
def test_white_initials_can_be_read_on_every_colour_on_offer(color: str) -> None:
    assert contrast_with_white(color) >= 4.5  # WCAG 2.2, success criterion 1.4.3


def test_a_username_always_has_the_same_colour() -> None:
    assert color_for("ada") == color_for("ada")
    assert len({color_for(f"person-{number}") for number in range(200)}) == 12


@pytest.mark.parametrize("color", ["red", "#fff", "#C92A2A", "#c92a2a\n", "#ffee00"])
def test_a_colour_that_is_not_on_offer_is_refused(ada: User, color: str) -> None:
    ada.color = color
    with pytest.raises(ValidationError, match="color"):
        ada.clean_fields()
