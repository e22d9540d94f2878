"""`.env` is made of .env.example once; later it only gets the secrets that it lacks."""

import os
import re
from pathlib import Path

from config.env_file import fill

EXAMPLE = "# What this is.\nDEBUG=true\nSECRET_KEY=\n# DOMAIN=example.com\nMQTT_PASSWORD=\n"
SECRET = r"[\w-]{86}"


def test_a_new_file_is_the_example_with_secrets_of_its_own(tmp_path: Path) -> None:
    (tmp_path / ".env.example").write_text(EXAMPLE)

    assert fill(tmp_path) == ["SECRET_KEY", "MQTT_PASSWORD"]

    env = tmp_path / ".env"
    secret, other = re.findall(SECRET, env.read_text())
    assert env.read_text() == EXAMPLE.replace("KEY=", f"KEY={secret}").replace("D=", f"D={other}")
    assert secret != other
    assert env.stat().st_mode & 0o077 == 0


def test_a_file_keeps_its_lines_and_gets_what_it_lacks(tmp_path: Path) -> None:
    (tmp_path / ".env.example").write_text(EXAMPLE + "WEB_PUSH_SECRET=\nPOSTGRES_PASSWORD=\n")
    kept = "export SECRET_KEY=mine\nMQTT_PASSWORD=\n#POSTGRES_PASSWORD=theirs"
    (tmp_path / ".env").write_text(kept)

    assert fill(tmp_path) == ["WEB_PUSH_SECRET"]

    text = (tmp_path / ".env").read_text()
    assert re.fullmatch(rf"\nWEB_PUSH_SECRET={SECRET}\n", text.removeprefix(kept))
    os.utime(tmp_path / ".env", (1, 1))
    assert fill(tmp_path) == []
    assert (tmp_path / ".env").read_text() == text
    assert (tmp_path / ".env").stat().st_mtime > 1  # so make does not ask again
