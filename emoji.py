"""Renew the emoji that chat offers, {{cookiecutter.project_slug}}/chat/static/chat/emoji.json.

`python emoji.py 17.0.0` reduces that version of the npm package emojibase-data, which npm fetches.
"""

import json
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "{{cookiecutter.project_slug}}/chat/static/chat/emoji.json"
COMPONENTS = "component"  # skin tones and hair, which are no emoji by themselves
LIGHTEST = "\U0001f3fb"
AS_PICTURE = "\ufe0f"

Json = dict[str, Any]  # Any: JSON


def main(version: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", "--silent", f"emojibase-data@{version}"]
        name = subprocess.check_output(command, cwd=folder, text=True).strip()
        with tarfile.open(Path(folder, name)) as package:
            package.extractall(folder, filter="data")
        english = Path(folder, "package/en")
        data, messages, shortcodes = (
            json.loads((english / f"{name}.json").read_text("utf-8"))
            for name in ("data", "messages", "shortcodes/github")
        )
    groups = [
        (json.dumps(group["message"].capitalize()), list(rows(data, group, shortcodes)))
        for group in messages["groups"]
        if group["key"] != COMPONENTS
    ]
    # A line for each group: what changes in one is seen, and the file is no thousands of lines.
    lines = [f"{name}:{json.dumps(rows, ensure_ascii=False)}" for name, rows in groups]
    FILE.write_text("{\n" + ",\n".join(lines).replace('", "', '","') + "\n}\n", encoding="utf-8")
    print(f"{sum(len(rows) for _, rows in groups)} emoji, {FILE.stat().st_size:,} bytes")


def rows(data: list[Json], group: Json, shortcodes: Json) -> Iterator[str]:
    """The group's emoji in their order, each as `emoji|name|shortcode|keywords|tones`.

    Without a shortcode it is the name with underscores. What a search for the beginnings of words
    in those and in the group's name finds is no keyword.
    """
    for item in sorted((item for item in data if item.get("group") == group["order"]), key=order):
        name = item["label"]
        code = shortcodes.get(item["hexcode"], "")
        code = code if isinstance(code, str) else code[0]
        text = f"{name} {code} {code.replace('_', ' ')} {group['message']}"
        said = re.split(r"[^\w+-]+", text.lower())
        keywords: list[str] = []
        for tag in item.get("tags", []):
            if not any(word.startswith(tag) for word in said + keywords) and tag[1:]:
                keywords.append(tag)
        code = "" if code == shortcode_of(name) else code
        yield "|".join([written(item), name, code, " ".join(keywords), tones(item)]).rstrip("|")


def shortcode_of(name: str) -> str:
    return re.sub(r"\W+", "_", name.lower())


def written(item: Json) -> str:
    """The emoji as keyboards write it: what is a picture by itself is not told to be one."""
    emoji: str = item["emoji"]
    is_picture = item["type"] == 1 and len(emoji) == 2
    return emoji.removesuffix(AS_PICTURE) if is_picture else emoji


def tones(item: Json) -> str:
    """Whether people in it have a tone of skin: that of all of them follows each of them."""
    return "t" if any(LIGHTEST in skin["emoji"] for skin in item.get("skins", [])) else ""


def order(item: Json) -> int:
    place: int = item["order"]
    return place


if __name__ == "__main__":
    main(*sys.argv[1:])
