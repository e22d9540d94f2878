"""Every command that a document shows is run by a test, or says why it is not.

A block of commands is marked `sh`. Those of both READMEs are run here, in their order. A comment
above any other names the test that runs it, or says why none does:

    <!-- run by tests/test_bots.py -->
    <!-- not run: it needs a cluster -->
"""

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from tests.conftest import Bake, Manage
from tests.documentation import EVERY_PART
from tests.environment import ROOT, SOURCE
from tests.programs import PATH, program
from tests.projects import Server, environment
from tests.services import free_port, wait_for

DOCUMENTS = [ROOT / "README.md", ROOT / "docs/tutorial.md", SOURCE / "README.md"]
"""Whose commands are run here."""

FENCE = re.compile(r"(?:^<!-- ([^\n]+) -->\n)?^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
MAKE = re.compile(r"`make ([a-z-]+)")
SERVES = re.compile(r"^make (run|demo|serve)|manage\.py (runserver|serve)")
INSTALL_SECONDS = 240  # what `make demo` takes on a busy machine with empty caches

PARSE = """
import json, shlex
from django.core.management import load_command_class, get_commands

for line in json.loads({lines!r}):
    name, *arguments = shlex.split(line)
    try:
        command = load_command_class(get_commands()[name], name)
        if arguments:
            command.create_parser("manage.py", name).parse_args(arguments)
    except (Exception, SystemExit) as error:
        print(line, "-", repr(error))
"""


@dataclass
class Block:
    """Commands that a document shows."""

    section: str
    remark: str
    lines: list[str]


class Shell:
    """Somebody who types what a document shows, and answers every prompt with Enter."""

    def __init__(self, folder: Path, template: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.typed: set[str] = set()
        self.address = {"URL-OF-THIS-REPOSITORY": str(template), "8000": str(self.port)}
        self.environment = environment(PATH=PATH, PORT=str(self.port))

    def run(self, document: Path, *sections: str) -> None:
        """Type the commands of a document, or of these sections of it."""
        for block in blocks(document):
            wanted = not block.remark and (not sections or block.section in sections)
            for line in block.lines if wanted else []:
                if line not in self.typed:
                    self.type(line)
                    self.typed.add(line)

    def type(self, line: str) -> None:
        for shown, here in self.address.items():
            line = line.replace(shown, here)
        if line.startswith("cd "):
            self.folder /= line.split()[1]
        elif SERVES.search(line):
            self.serve(line)
        else:
            done = subprocess.run(
                ["bash", "-c", line],
                cwd=self.folder,
                env=self.environment,
                input="\n" * 20,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            assert done.returncode == 0, f"{line}\n{done.stdout}"

    def serve(self, line: str) -> None:
        """Run what serves until it is stopped, look at a page, and stop it."""
        name, *arguments = shlex.split(
            line.replace("runserver", f"runserver {self.port}"), comments=True
        )
        path = self.folder / name if "/" in name else Path(program(name))
        command = " ".join([path.name, *arguments])
        server = Server(path, self.folder, self.environment, command)
        server.port = self.port
        server.launch()
        try:
            wait_for(server.responds, line, server.process, INSTALL_SECONDS)
            assert b"Sign in" in urlopen(f"{server.url}/accounts/login/").read()
        finally:
            server.stop()


def documents() -> Iterator[Path]:
    """The pages of the template and of the unbaked project."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    for name in subprocess.check_output(command, cwd=ROOT, text=True).splitlines():
        if (ROOT / name).is_file():
            yield ROOT / name


def make_targets(folder: Path) -> set[str]:
    makefile = (folder / "Makefile").read_text("utf-8")
    return set(re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE))


def blocks(document: Path) -> list[Block]:
    sections = re.findall(r"^(?:## (.+)\n)?((?:(?!^## ).*\n?)+)", document.read_text("utf-8"), re.M)
    return [
        Block(section, remark, text.replace("\\\n", "").splitlines())
        for section, part in sections
        for remark, language, text in FENCE.findall(part)
        if language == "sh"
    ]


def test_every_block_says_what_language_it_is() -> None:
    silent = [
        f"{document.name}: {text[:40]}"
        for document in documents()
        for _, language, text in FENCE.findall(document.read_text("utf-8"))
        if not language
    ]
    assert silent == []


def test_every_command_is_run_or_says_why_not() -> None:
    for document in documents():
        for block in blocks(document):
            by = re.fullmatch(r"run by (tests/\w+\.py)", block.remark)
            if by:
                test = (ROOT / by[1]).read_text("utf-8")
                named = re.findall(r"(?:manage\.py|make) (\w+)", " ".join(block.lines))
                assert document.name in test or named, block
                assert document.name in test or all(f'"{each}"' in test for each in named), block
            elif not re.fullmatch(r"not run: .+", block.remark):
                assert document in DOCUMENTS, block


def test_every_command_that_a_sentence_names_is_there(bake: Bake, manage: Manage) -> None:
    ours, theirs = (make_targets(folder) for folder in (ROOT, SOURCE))
    targets, commands = set(), set()
    for document in documents():
        text = document.read_text("utf-8").replace("\n", " ")
        known = theirs if SOURCE in document.parents else ours | theirs
        targets |= {f"{document.name}: {each}" for each in set(re.findall(MAKE, text)) - known}
        commands |= set(re.findall(r"`(?:\S+ )?manage\.py ([a-z_]+[^`.|;&]*)`", text))
    assert targets == set()
    commands.remove("runradio")  # which docs/interfaces.md tells how to write

    wrong = manage(
        bake(**EVERY_PART), "shell", "-v0", "-c", PARSE.format(lines=json.dumps(sorted(commands)))
    )
    assert wrong == ""


def test_the_commands_of_the_readmes_work(template: Path, tmp_path: Path) -> None:
    visitor = Shell(template, template)
    visitor.run(ROOT / "README.md", "See it")
    visitor.folder = tmp_path
    visitor.run(ROOT / "README.md", "Bake your own")
    visitor.run(SOURCE / "README.md")


def test_the_tutorial_has_the_commands_of_the_readme() -> None:
    readme, tutorial = (
        {line.partition(" # ")[0].strip() for block in blocks(each) for line in block.lines}
        for each in (ROOT / "README.md", ROOT / "docs/tutorial.md")
    )
    assert tutorial - {"make test", "make lint"} <= readme
