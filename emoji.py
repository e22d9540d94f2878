"""Renew the emoji that chat offers, {{cookiecutter.project_slug}}/chat/static/chat/emoji.json.

`python emoji.py 17.0.0` reduces that version of the npm package emojibase-data, which npm fetches.
Names and keywords are in the languages of `FILES`.
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

FOLDER = Path(__file__).parent / "{{cookiecutter.project_slug}}/chat/static/chat"
FILES = {"en": "emoji.json", "de": "emoji.de.json"}
COMPONENTS = "component"  # skin tones and hair, which are no emoji by themselves
LIGHTEST = "\U0001f3fb"
AS_PICTURE = "\ufe0f"
KNOWN_EVERYWHERE = 11  # the version of emoji of 2018

Json = dict[str, Any]  # Any: JSON


def main(version: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", "--silent", f"emojibase-data@{version}"]
        name = subprocess.check_output(command, cwd=folder, text=True).strip()
        with tarfile.open(Path(folder, name)) as package:
            package.extractall(folder, filter="data")
        shortcodes = read(folder, "en/shortcodes/github")
        for language, name in FILES.items():
            data, messages = (read(folder, f"{language}/{each}") for each in ("data", "messages"))
            write(FOLDER / name, data, messages["groups"], shortcodes)


def read(folder: str, name: str) -> Any:  # Any: JSON
    return json.loads(Path(folder, f"package/{name}.json").read_text("utf-8"))


def write(file: Path, data: list[Json], groups: list[Json], shortcodes: Json) -> None:
    titled = [
        (group["message"][:1].upper() + group["message"][1:], list(rows(data, group, shortcodes)))
        for group in groups
        if group["key"] != COMPONENTS
    ]
    # A line for each group: what changes in one is seen, and the file is no thousands of lines.
    lines = [":".join(json.dumps(each, ensure_ascii=False) for each in group) for group in titled]
    file.write_text("{\n" + ",\n".join(lines).replace('", "', '","') + "\n}\n", encoding="utf-8")
    print(
        f"{file.name}: {sum(len(rows) for _, rows in titled)} emoji, {file.stat().st_size:,} bytes"
    )


def rows(data: list[Json], group: Json, shortcodes: Json) -> Iterator[str]:
    """The group's emoji in their order, each as `emoji|name|shortcode|keywords|tones|version`.

    The version is empty unless systems in use may not know the emoji. Without a shortcode it is
    the name with underscores. What a search for the beginnings of words in those and in the
    group's name finds is no keyword.
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
        row = [written(item), name, code, " ".join(keywords), tones(item), version(item)]
        yield "|".join(row).rstrip("|")


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


def version(item: Json) -> str:
    """The version that added the emoji, such as `15.1`; empty if systems in use know it."""
    return str(item["version"]) if item["version"] > KNOWN_EVERYWHERE else ""


def order(item: Json) -> int:
    place: int = item["order"]
    return place


if __name__ == "__main__":
    main(*sys.argv[1:])
