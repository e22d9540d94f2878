"""The documentation as a site: `python -m tests.documentation FOLDER` builds it there.

Its pages are this repository's own and, under project/, those of a bake with every part.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from cookiecutter.main import cookiecutter

from tests.environment import ROOT, SOURCE

EVERY_PART = dict.fromkeys(("web_push", "telegram", "mqtt", "kubernetes"), True)
FORGE = os.environ.get("GITHUB_SERVER_URL", "https://github.com")
REPOSITORY = os.environ.get("GITHUB_REPOSITORY", "")
IN_THE_SOURCE = SOURCE.name.replace("{", "%7B").replace("}", "%7D") + "/"  # as a link has it
SHOWN = (".md", ".png", ".svg", ".webp")


def collect(project: Path, pages: Path) -> None:
    """Copy what the site shows into `pages`, at the paths by which the pages link to each other."""
    listed = subprocess.check_output(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, text=True
    )
    for name in listed.split("\0"):
        inside = name.startswith((SOURCE.name, "."))
        if not inside and (name.endswith(SHOWN) or name == "LICENSE") and (ROOT / name).is_file():
            copy(ROOT / name, pages / name)
    for file in [project / "README.md", project / "LICENSE", *(project / "docs").iterdir()]:
        copy(file, pages / "project" / file.relative_to(project))


def copy(file: Path, to: Path) -> None:
    """Copy a file. On a page, links to the forge and into the source lead where they do there."""
    to.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix != ".md":
        shutil.copyfile(file, to)
        return
    text = file.read_text("utf-8")
    if REPOSITORY:
        text = text.replace("](../../", f"]({FORGE}/{REPOSITORY}/")
    else:  # there is no forge: the words are left
        text = re.sub(r"!\[[^]]*\]\(\.\./\.\./[^)]*\)", "", text)
        text = re.sub(r"\[([^]]*)\]\(\.\./\.\./[^)]*\)", r"\1", text)
    to.write_text(text.replace(IN_THE_SOURCE, "project/"), "utf-8")


def bake(into: str) -> Path:
    """A bake with every part, in this folder."""
    options = {"no_input": True, "default_config": True, "extra_context": EVERY_PART}
    return Path(cookiecutter(str(ROOT), output_dir=into, **options))


def build(site: Path) -> str:
    """Build the site into a folder.

    Returns:
        what is wrong with it, such as links between pages that lead nowhere; empty if nothing is.
    """
    with TemporaryDirectory() as folder:
        collect(bake(folder), Path(folder, "pages"))
        settings = (ROOT / "docs/mkdocs.yml").read_text("utf-8")
        if REPOSITORY:  # where the page for what is not found has its style from
            owner, name = REPOSITORY.split("/")
            settings += f"\nsite_url: https://{owner}.github.io/{name}/\n"
        Path(folder, "mkdocs.yml").write_text(settings, "utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "zensical", "build", "--strict"],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        shutil.rmtree(site, ignore_errors=True)
        shutil.move(Path(folder, "site"), site)
        return done.stdout if done.returncode else ""


if __name__ == "__main__":
    sys.exit(build(Path(sys.argv[1])) or None)
