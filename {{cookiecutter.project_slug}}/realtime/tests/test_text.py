"""The rule for text that others see."""

import unicodedata

import pytest
from django.core.exceptions import ValidationError

from realtime.text import clean_text, plain, validate_line

LINES = [
    "General",
    "O'Neill <b>",
    "Åsa O\u0308berg",
    "李小龍",
    "محمد",
    "\u0646\u0627\u0645\u0647\u200c\u0647\u0627",  # Persian
    "שָׁלוֹם",
    "สวัสดีครับ",
    "क्षत्रिय",
    "བསྒྲུབས",
    "👩\u200d🚀 Mae",
    "🏳️\u200d🌈",
    "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "🇩🇪",
    "1️⃣",
    "❤️",
    "\U0001fae9",
]
INVISIBLE = [
    *("\u200b", "\u2800", "\u3164", "\xad", "\ufeff", "\u2060", "\uffa0", "\u115f", "\u1160"),
    *("\u034f", "\u180e", "\u200c", "\u200d", "\u200e", "\u200f", "\u061c", "\u2062", "\ufe0f"),
    *("\u17b4", "\U000e0041", "\U000e0100", "\U0001d173", "\u202a\u202c", "\u2066\u2069", "\ufffc"),
    *(
        " ",
        "\xa0",
        "\u3000",
        "\u2003",
        "\u200b \u2800\u3164",
        "\u200d\u200d",
        "\U000e0067\U000e007f",
    ),
]


@pytest.mark.parametrize("line", LINES)
def test_a_name_may_be_in_any_script(line: str) -> None:
    validate_line(line)


@pytest.mark.parametrize(
    "line",
    [
        *("a\x00b", "a\nb", "a\tb", "a\rb", "a\x0bb", "a\x1bb", "a\x7fb", "a\x85b", "a\u2028b"),
        *("\u202edadA", "a\u2066b", "a\u200eb", "a\u200fb", "a\u061cb", "a\u206ab", "a\ufff9b"),
        *(
            "\ud83d",
            "a\udca9",
            "a\u200bb",
            "a\u2800b",
            "a\u3164b",
            "a\xadb",
            "a\ufeffb",
            "a\u2060b",
        ),
        *("a\U000e0041b", "Z" + "\u0351" * 7, "e" + "\u0301\u200d" * 7),
        *INVISIBLE,
    ],
)
def test_a_name_that_could_mislead_is_refused(line: str) -> None:
    with pytest.raises(ValidationError):
        validate_line(line)


@pytest.mark.parametrize("text", [*LINES, "one\ntwo\n\n\nthree", "\tcode:\n\t\tmore", "a\u200fb"])
def test_a_message_stays_as_it_is(text: str) -> None:
    assert clean_text(text) == text.strip()


@pytest.mark.parametrize("text", [*INVISIBLE, "", "\n" * 3_990, "\u200b\n" * 999])
def test_a_message_in_which_nothing_can_be_seen_is_empty(text: str) -> None:
    assert clean_text(text) == ""


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("  a  ", "a"),
        ("a\r\nb\rc\u2028d\u2029e\x0bf\x0cg\x85h", "a\nb\nc\nd\ne\nf\ng\nh"),
        ("a" + "\n" * 3_990 + "b", "a\n\n\nb"),
        ("a" + "\n \u200b" * 1_000 + "\nb", "a\n\n\nb"),
        ("\x1b[31mred\x1b[0m\x07", "[31mred[0m"),
        ("exe\u202egpj.\u202c", "exegpj."),
        ("\u2067abc\u2069 \u202babc", "abc abc"),
        ("Z" + "\u0351" * 1_000 + "a", "Z" + "\u0351" * 6 + "a"),
        ("e" + "\u0301\u200d" * 9, "e" + "\u0301\u200d" * 6),
    ],
)
def test_what_could_mislead_is_taken_out_of_a_message(text: str, kept: str) -> None:
    assert clean_text(text) == kept


@pytest.mark.parametrize("text", ["a\x00b", "cut \ud83d", "\udca9 cut"])
def test_what_is_not_text_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="half of an emoji"):
        clean_text(text)


def test_no_character_that_has_a_picture_is_lost() -> None:
    lost = [
        character
        for character in map(chr, range(0x20000))
        if unicodedata.category(character)[0] in "LNPSM"
        and clean_text(f"a{character}b") != f"a{character}b"
    ]
    assert lost == []


def test_a_line_that_is_shown_beside_others_steers_nothing() -> None:
    assert plain("a\u202eb\x07c\u2066d") == "abcd"
