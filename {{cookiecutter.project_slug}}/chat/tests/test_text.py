"""Emoji and mentions in text."""

import pytest

from chat.text import MENTIONS_PER_MESSAGE, is_emoji, mentioned_usernames


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


@pytest.mark.parametrize(
    ("body", "usernames"),
    [
        ("@ada", ["ada"]),
        ("hey @Ada, @bob!", ["ada", "bob"]),
        ("thanks @ada.", ["ada"]),
        ("(@a.b-c)", ["a.b-c"]),
        ("@ada @ADA", ["ada"]),
        ("mail ada@example.com", []),
        ("@ada@example.com", []),
        ("@@ada", []),
        ("@adaé", []),
        ("@", []),
        ("@ ada", []),
    ],
)
def test_who_is_mentioned(body: str, usernames: list[str]) -> None:
    assert mentioned_usernames(body) == usernames


def test_a_message_mentions_only_so_many() -> None:
    everyone = " ".join(f"@user{number}" for number in range(100))
    assert len(mentioned_usernames(everyone)) == MENTIONS_PER_MESSAGE
