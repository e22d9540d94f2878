"""Messages, names and emoji; and who is mentioned."""

import json
from pathlib import Path
from time import process_time
from typing import Any

import pytest

from chat.text import MENTIONS_PER_MESSAGE, is_emoji, mentioned_usernames

# The template's test of text.js reads the same examples.
MENTIONS = json.loads((Path(__file__).parent / "mentions.json").read_text(encoding="utf-8"))
HOSTILE = [
    *("@", "@a", "@a.", "@a-", "@a/", "@.", "a@", "@@a", "@" + "a" * 399, "@a" + "." * 398),
    *("http://", "http://a", "http://.", "http://a.", "http://a)", "http://(", "h", "://", "http"),
    *("http://a/" + "." * 2_660 + ")" * 1_331, "http://a/" + "(" * 1_995 + ")" * 1_996),
    *("http://a/" + ".)" * 1_995, "http://a " * 4 + "@", "http://" + ")" * 393),
]


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
        *("", "a", "1", "👍👍", "lol", "<b>", "\u200d", "\ufe0f", "👍 ", "👍\n", "é", "🇩", "🏽"),
        *("👍\u200d", "\u200d".join("👨" * 20)),
    ],
)
def test_other_text_is_no_emoji(text: str) -> None:
    assert not is_emoji(text)


@pytest.mark.parametrize("example", MENTIONS, ids=lambda example: example["text"])
def test_who_is_mentioned(example: dict[str, Any]) -> None:
    assert mentioned_usernames(example["text"]) == list(dict.fromkeys(example["mentions"]))


@pytest.mark.parametrize("shape", HOSTILE)
def test_mentions_are_found_in_linear_time(shape: str) -> None:
    """Of a text 64 times as long as a message: in quadratic time this would take minutes."""
    body = "@ " + shape * (256_000 // len(shape))
    start = process_time()
    mentioned_usernames(body)
    assert process_time() - start < 3


def test_a_message_mentions_only_so_many() -> None:
    everyone = " ".join(f"@user{number}" for number in range(100))
    assert len(mentioned_usernames(everyone)) == MENTIONS_PER_MESSAGE
