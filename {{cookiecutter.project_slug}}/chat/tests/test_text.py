"""What is one emoji, and what other languages say."""

import json
from pathlib import Path

import pytest
from django.conf import settings
from django.utils.translation import override

from chat.models import Reaction
from chat.queries import REMOVED
from chat.text import clean_body, is_emoji
from realtime.protocol import Refusal

OFFERED = Path(__file__).parents[1] / "static/chat/emoji.json"
TONE = "\U0001f3fd"


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


def test_whatever_the_page_offers_is_an_emoji_and_fits_its_column() -> None:
    groups = json.loads(OFFERED.read_text(encoding="utf-8"))
    column = Reaction._meta.get_field("emoji")
    rows = [row.split("|") for group in groups.values() for row in group]
    offered = [emoji for emoji, *_ in rows]
    toned = [
        emoji[0] + TONE + emoji[1:].removeprefix("\ufe0f")
        for emoji, *said in rows
        if said[3:4] == ["t"]
    ]

    assert len(offered) == len(set(offered)) == 1914
    assert len(toned) == 330
    for emoji in offered + toned:
        assert is_emoji(emoji), emoji
        column.run_validators(emoji)


def test_an_endless_family_is_no_emoji() -> None:
    assert not is_emoji("\u200d".join("👨" * 20))


def test_a_refusal_writes_numbers_as_its_language_does() -> None:
    with override("de"), pytest.raises(Refusal) as refusal:
        clean_body("x" * 4_001)
    assert refusal.value.detail == "Eine Nachricht hat höchstens 4.000 Zeichen, diese hat 4.001."


@pytest.mark.parametrize("language", [code for code, _ in settings.LANGUAGES])
def test_a_close_has_room_for_its_reason(language: str) -> None:
    with override(language):
        assert len(str(REMOVED).encode()) <= 123
