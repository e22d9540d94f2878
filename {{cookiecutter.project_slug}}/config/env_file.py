"""Write `.env`, or add what it lacks: a secret for each line of .env.example that has no value.

It needs no package: `python config/env_file.py`.
"""

import re
import secrets
import sys
from pathlib import Path

SECRET_BYTES = 64


def fill(folder: Path) -> list[str]:
    """Complete the `.env` of the project in this folder, and return the names of its new secrets.

    A line that is in `.env` stays as it is, even if it is empty or commented out.
    """
    env = folder / ".env"
    example = (folder / ".env.example").read_text(encoding="utf-8")
    names: list[str] = re.findall(r"^(\w+)=$", example, re.MULTILINE)
    if not env.exists():
        for name in names:
            example = re.sub(rf"^{name}=$", line(name), example, flags=re.MULTILINE)
        env.touch(mode=0o600)
        env.write_text(example, encoding="utf-8", newline="\n")
        return names

    text = env.read_text(encoding="utf-8")
    missing = [
        name for name in names if not re.search(rf"^[\s#]*(export\s+)?{name}\s*=", text, re.M)
    ]
    with env.open("a", encoding="utf-8", newline="\n") as file:
        file.writelines(f"\n{line(name)}\n" for name in missing)
    env.touch()  # newer than .env.example, for make
    return missing


def line(name: str) -> str:
    return f"{name}={secrets.token_urlsafe(SECRET_BYTES)}"


if __name__ == "__main__":
    if added := fill(Path(__file__).resolve().parent.parent):
        print(f"New secrets are in .env: {', '.join(added)}.", file=sys.stderr)
