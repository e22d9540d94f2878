"""What is one emoji."""

import pytest

from chat.text import is_emoji


@pytest.mark.parametrize(
    "text",
    [
        "👍",
        "❤",
        "❤️",
        "👍🏽",
        "🇩🇪",
        "1️⃣",
        "#⃣",
        "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
        "👨‍👩‍👧‍👦",
        "🏳️‍🌈",
        "🧑🏽‍❤️‍💋‍🧑🏿",
        "🏃🏽‍♀️‍➡️",
        "✅",
        "™️",
        "㊗️",
        "🫡",
    ],
)
def test_an_emoji_is_one(text: str) -> None:
    assert is_emoji(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "1",
        "👍👍",
        "lol",
        "<b>",
        "\u200d",
        "\ufe0f",
        "👍 ",
        "👍\n",
        "é",
        "🇩",
        "🏽",
        "👍\u200d",
    ],
)
def test_other_text_is_no_emoji(text: str) -> None:
    assert not is_emoji(text)


def test_an_endless_family_is_no_emoji() -> None:
    assert not is_emoji("\u200d".join("👨" * 20))
