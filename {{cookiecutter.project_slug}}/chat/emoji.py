"""What counts as one emoji: Unicode's grammar for sequences (UTS #51, section 1.4.9)."""

import re

LONGEST = 16  # code points: the longest sequences in use join four people, each with a skin tone

_PICTURE = (
    r"[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u24c2\u25a0-\u27bf"
    r"\u2900-\u297f\u2b00-\u2bff\u3030\u303d\u3297\u3299"
    r"\U0001f000-\U0001f1e5\U0001f200-\U0001f3fa\U0001f400-\U0001faff]"
)
_ELEMENT = rf"{_PICTURE}(?:\ufe0f|[\U0001f3fb-\U0001f3ff])?"
_FLAG = r"[\U0001f1e6-\U0001f1ff]{2}"
_KEYCAP = r"[0-9#*]\ufe0f?\u20e3"
_REGIONAL_FLAG = r"\U0001f3f4[\U000e0020-\U000e007e]{2,8}\U000e007f"

_EMOJI = re.compile(rf"{_REGIONAL_FLAG}|{_FLAG}|{_KEYCAP}|{_ELEMENT}(?:\u200d{_ELEMENT})*")


def is_emoji(text: str) -> bool:
    return len(text) <= LONGEST and _EMOJI.fullmatch(text) is not None
