import pytest
from django.core.exceptions import ValidationError

from accounts.colors import (
    COLORS,
    READABLE_CONTRAST,
    color_for,
    contrast_with_white,
    validate_color,
)


@pytest.mark.parametrize("color", [color for color, _ in COLORS])
def test_white_initials_can_be_read_on_every_colour_on_offer(color: str) -> None:
    assert contrast_with_white(color) >= READABLE_CONTRAST
    validate_color(color)


def test_contrast_is_what_wcag_says_at_both_ends() -> None:
    assert contrast_with_white("#000000") == pytest.approx(21)
    assert contrast_with_white("#ffffff") == pytest.approx(1)


def test_a_username_always_has_the_same_colour() -> None:
    assert color_for("ada") == color_for("ada")
    assert len({color_for(f"person-{number}") for number in range(200)}) == len(COLORS)


@pytest.mark.parametrize(
    "color", ["", "red", "#fff", "#C92A2A", "#c92a2a;", "#c92a2a\n", "#ffee00"]
)
def test_another_notation_or_a_light_colour_is_refused(color: str) -> None:
    with pytest.raises(ValidationError):
        validate_color(color)
