"""Messages, names and emoji; and who is mentioned."""

import json
from pathlib import Path
from typing import Any, SupportsIndex

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


class Counted(str):
    """A text that counts how many of its characters are looked at."""

    looks = 0

    def __getitem__(self, place: SupportsIndex | slice) -> str:
        part = super().__getitem__(place)
        self.looks += len(part)
        return part


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


@pytest.mark.parametrize("example", MENTIONS, ids=lambda example: example["text"])
def test_who_is_mentioned(example: dict[str, Any]) -> None:
    assert mentioned_usernames(example["text"]) == list(dict.fromkeys(example["mentions"]))


@pytest.mark.parametrize("shape", HOSTILE)
def test_mentions_are_found_in_a_few_looks_at_each_character(shape: str) -> None:
    body = Counted("@ " + shape * (4_000 // len(shape)))
    mentioned_usernames(body)
    assert body.looks <= 8 * 4_000


def test_a_message_mentions_only_so_many() -> None:
    everyone = " ".join(f"@user{number}" for number in range(100))
    assert len(mentioned_usernames(everyone)) == MENTIONS_PER_MESSAGE
