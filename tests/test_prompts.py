"""Every answer is checked: a good one works, however unusual; a wrong one is refused in words."""

import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from cookiecutter.exceptions import FailedHookException

from tests import environment
from tests.conftest import Bake
from tests.hooks import PRE_GEN, constant, default_answers, questions, run_hook
from tests.projects import run

REFUSED = [
    # project_name: text that can stand everywhere it is used
    ("project_name", "", "is empty"),
    ("project_name", "   ", "is empty"),
    ("project_name", " Parlour", "begins or ends with a space"),
    ("project_name", "Par\\lour", "backslash"),
    ("project_name", "Par\nlour", "line break"),
    ("project_name", "Par\tlour", "tab"),
    ("project_name", "Par\x00lour", "U+0000"),
    ("project_name", "Par\x1blour", "U+001B"),
    ("project_name", "Par\x85lour", "U+0085"),
    ("project_name", "Par\u2028lour", "U+2028"),
    ("project_name", "Par\u202elour", "U+202E"),
    ("project_name", "Par\udcfflour", "U+DCFF"),
    ("project_name", "P" * 81, "is 81 characters wide; give 80 at most"),
    ("project_name", "談" * 41, "is 82 characters wide"),
    ("description", "One line\nand another", "line break"),
    ("description", "", "is empty"),
    ("description", "long " * 41 + "end", "give 200 at most"),
    ("author_name", "Ada \\ Co", "backslash"),
    ("author_name", "", "is empty"),
    # author_email
    ("author_email", "", "such as ada@example.com"),
    ("author_email", "ada", "is not an e-mail address"),
    ("author_email", "ada@", "is not an e-mail address"),
    ("author_email", "@example.com", "is not an e-mail address"),
    ("author_email", "ada@example", "is not an e-mail address"),
    ("author_email", "ada@localhost", "is not an e-mail address"),  # for pyproject.toml
    ("author_email", "ada lovelace@example.com", "is not an e-mail address"),
    ("author_email", "Ada <ada@example.com>", "is not an e-mail address"),
    ("author_email", "ada@example.com\n", "is not an e-mail address"),
    ("author_email", "ada..lovelace@example.com", "is not an e-mail address"),
    ("author_email", '"ada"@example.com', "is not an e-mail address"),
    ("author_email", "ada@" + "a" * 70 + ".example.com", "is not an e-mail address"),
    ("author_email", "ada@" + "a" * 60 + "." + "b" * 20 + ".com", "give 80 at most"),
    # domain_name: each fault says what was most likely meant
    ("domain_name", "", "such as chat.example.com"),
    ("domain_name", "example", "such as chat.example.com"),
    ("domain_name", "https://parlour.org/", "such as parlour.org"),
    ("domain_name", "parlour.org:8000", "such as parlour.org"),
    ("domain_name", "Parlour.org", "such as parlour.org"),
    ("domain_name", "bücher.example", "such as xn--bcher-kva.example"),
    ("domain_name", "-parlour.org", "is not a domain name"),
    ("domain_name", "parlour..org", "is not a domain name"),
    ("domain_name", "par_lour.org", "is not a domain name"),
    ("domain_name", "192.168.0.1", "is not a domain name"),
    ("domain_name", "parlour.org\n", "is not a domain name"),
    ("domain_name", ".".join(["parlour"] * 12), "give 80 at most"),
    # project_slug: a name that Python can import and that nothing else has
    ("project_slug", "Parlour", "is not a Python name in lower case"),
    ("project_slug", "my-site", "is not a Python name in lower case"),
    ("project_slug", "my site", "is not a Python name in lower case"),
    ("project_slug", "3d_chat", "is not a Python name in lower case"),
    ("project_slug", "_site", "is not a Python name in lower case"),
    ("project_slug", "site_", "is not a Python name in lower case"),
    ("project_slug", "a___b", "no three in a row"),
    ("project_slug", "plauderé", "is not a Python name in lower case"),
    ("project_slug", "site\n", "is not a Python name in lower case"),
    ("project_slug", ".git", "is not a Python name in lower case"),
    (
        "project_slug",
        "class",
        "is a word of the Python language; give another name, such as class_site",
    ),
    ("project_slug", "import", "is a word of the Python language"),
    ("project_slug", "json", "is a module of Python's standard library"),
    ("project_slug", "asyncio", "is a module of Python's standard library"),
    ("project_slug", "distutils", "is a module of Python's standard library"),
    ("project_slug", "compression", "is a module of Python's standard library"),
    ("project_slug", "django", "is a package that the project needs"),
    ("project_slug", "django_allauth", "is a package that the project needs"),
    ("project_slug", "channels", "is a package that the project needs"),
    ("project_slug", "pytest", "is a package that the project needs"),
    ("project_slug", "config", "is a name that the project uses itself"),
    ("project_slug", "chat", "is a name that the project uses itself"),
    ("project_slug", "realtime", "is a name that the project uses itself"),
    ("project_slug", "tests", "is a name that the project uses itself"),
    ("project_slug", "bridges", "is a name that the project uses itself"),
    ("project_slug", "aux", "cannot name a folder on Windows"),
    ("project_slug", "com1", "cannot name a folder on Windows"),
]

GOOD = [
    ("project_name", "Café Olé & Söhne"),
    ("project_name", "L'Étoile du Nord"),
    ("project_name", "Tom & Jerry's <chat> #1 100%"),
    ("project_name", "談話室"),
    ("project_name", "صالون"),
    ("project_name", "Parlour 👩‍💻"),
    ("project_name", "It’s “quoted” – nicely…"),
    ("project_name", "# % if only"),
    ("project_name", 'The "Parlour", l\'"Été"'),
    ("project_name", "$HOME `ls` ;"),
    ("project_name", "P" * 80),
    ("description", "Für alle, die reden: l'été & <more> 100%, #hash, $money, {brace} 'quote'."),
    ("description", 'Chat for "us"'),
    ("author_name", "Zoë O'Brien-Müller & Co."),
    ("author_name", 'Ada "Countess" Lovelace'),
    ("author_email", "o'brien+chat@sub.example.co.uk"),
    ("author_email", "a" * 60 + "@a-domain.example"),
    ("domain_name", "localhost"),
    ("domain_name", "a.b.c.d.example.museum"),
    ("domain_name", "xn--bcher-kva.example"),
    ("project_slug", "x"),
    ("project_slug", "match"),
    ("project_slug", "chat2"),
    ("project_slug", "a__b"),
    ("project_slug", "s" * 50),
]


@pytest.mark.parametrize(("prompt", "answer", "said"), REFUSED)
def test_a_wrong_answer_is_refused_in_one_line(
    bake: Bake,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    prompt: str,
    answer: str,
    said: str,
) -> None:
    with pytest.raises(FailedHookException):
        bake(into=tmp_path, **{"project_slug": "refused", prompt: answer})

    [line] = faults(capfd)
    assert line.startswith(f"{prompt}: ")
    assert shown(answer) in line
    assert said in line
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("code", ["{{ 7 * 7 }}", "{% raw %}", "{# note #}", "a }} b", "{{"])
@pytest.mark.parametrize("prompt", ["project_name", "description", "author_name"])
def test_template_code_is_refused(
    bake: Bake, tmp_path: Path, capfd: pytest.CaptureFixture[str], prompt: str, code: str
) -> None:
    with pytest.raises(FailedHookException):
        bake(into=tmp_path, **{"project_slug": "refused", prompt: code})

    [line] = faults(capfd)
    assert line.startswith(f'{prompt}: "{code}" has ')
    assert "template code" in line
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "slug", ["", ".", "..", "a/b", "../elsewhere", "/x/y", "a\\b", "c:site", "s" * 51]
)
def test_a_slug_that_is_not_one_folder_is_refused_and_leaves_none(
    bake: Bake, tmp_path: Path, capfd: pytest.CaptureFixture[str], slug: str
) -> None:
    (tmp_path / "into").mkdir()
    with pytest.raises(FailedHookException):
        bake(into=tmp_path / "into", project_slug=slug)

    [line] = faults(capfd)
    assert line.startswith(f"project_slug: {json.dumps(slug)} is not a Python name")
    assert [path.name for path in tmp_path.rglob("*")] == ["into"]


def test_every_fault_has_its_line(
    bake: Bake, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    wrong = {
        "project_name": "",
        "project_slug": "class",
        "description": "a\nb",
        "author_name": "\\",
        "author_email": "ada",
        "domain_name": "https://example.com",
    }
    with pytest.raises(FailedHookException):
        bake(into=tmp_path, **wrong)

    assert [line.split(":")[0] for line in faults(capfd)] == list(wrong)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("prompt", "choices"), constant(PRE_GEN, "CHOICES").items())
def test_an_answer_that_is_not_a_choice_is_refused(
    template: Path, tmp_path: Path, prompt: str, choices: list[str]
) -> None:
    answers = {**default_answers(), prompt: "something else"}
    refused = run_hook(PRE_GEN, answers, tmp_path)

    assert refused.returncode == 1
    assert refused.stderr.splitlines()[0] == (
        f'{prompt}: "something else" is not a choice; give one of {", ".join(choices)}'
    )


@pytest.mark.parametrize("prompt", ["web_push", "telegram", "mqtt", "kubernetes"])
def test_an_answer_that_is_neither_yes_nor_no_is_refused(tmp_path: Path, prompt: str) -> None:
    refused = run_hook(PRE_GEN, {**default_answers(), prompt: "perhaps"}, tmp_path)

    assert refused.returncode == 1
    assert refused.stderr.splitlines()[0] == f'{prompt}: "perhaps" is neither yes nor no'


def test_the_line_to_paste_keeps_every_other_answer(
    template: Path, settings: Path, tmp_path: Path
) -> None:
    answers = {
        "project_name": """L'Été "& Co" $HOME""",
        "author_name": 'Zoë "Z" O\'Brien',
        "license": "BSD-3-Clause",
        "asgi_server": "uvicorn",
        "ci": "none",
        "mqtt": "yes",
    }
    asked = [sys.executable, "-m", "cookiecutter", "--config-file", str(settings), "--no-input"]
    given = [f"{name}={answer}" for name, answer in answers.items()]
    refused = subprocess.run(
        [*asked, template, *given, "author_email=zoë"], cwd=tmp_path, capture_output=True, text=True
    )
    lines = refused.stderr.splitlines()
    program, *pasted = shlex.split(lines[-1])
    subprocess.run([*asked, *pasted, "author_email=z@example.com"], cwd=tmp_path, check=True)

    assert lines[1:4] == ["", "This asks again and keeps the other answers:", ""]
    assert program == "cookiecutter"
    [project] = tmp_path.iterdir()
    config = project / "config/settings.py"
    assert project.name == "l_ete_co_home"
    assert constant(config, "SITE_NAME") == answers["project_name"]
    assert constant(config, "OWNER_NAME") == answers["author_name"]
    assert constant(config, "OWNER_EMAIL") == "z@example.com"
    assert constant(config, "ASGI_SERVER") == "uvicorn"
    assert "Redistribution and use" in (project / "LICENSE").read_text("utf-8")
    assert (project / "bridges/mqtt").exists()
    assert not (project / ".github").exists()


def test_the_line_to_paste_names_the_checkout_the_folder_and_a_condition(tmp_path: Path) -> None:
    (tmp_path / "parlour").mkdir()
    (tmp_path / "parlour/mine").touch()
    changes = {"_checkout": "1.0.0", "author_email": "ada", "project_name": "# % if only"}
    refused = run_hook(PRE_GEN, default_answers() | changes, tmp_path / "parlour")

    words = shlex.split(refused.stderr.splitlines()[-1])
    folder = str(tmp_path.resolve())
    assert words[1:6] == ["the-template", "--checkout", "1.0.0", "--output-dir", folder]
    assert words[6] == "--overwrite-if-exists"
    assert 'project_name={{"# % if only"}}' in words


def test_the_line_to_paste_is_for_cruft_where_cruft_asked(tmp_path: Path) -> None:
    answers = {**default_answers(), "author_email": "ada", "mqtt": True}
    del answers["_output_dir"]
    refused = run_hook(PRE_GEN, answers, tmp_path)

    words = shlex.split(refused.stderr.splitlines()[-1])
    kept = json.loads(words[-1])
    assert words[:3] == ["cruft", "create", "the-template"]
    assert words[-2] == "--extra-context"
    assert (kept["project_name"], kept["mqtt"], kept["web_push"]) == ("Parlour", "yes", "no")
    assert "author_email" not in kept


def test_the_choices_that_are_checked_are_those_that_are_offered(template: Path) -> None:
    offered = {name: choices for name, choices in questions().items() if isinstance(choices, list)}
    assert constant(PRE_GEN, "CHOICES") == {
        name: choices for name, choices in offered.items() if not name.startswith("_")
    }


def test_every_prompt_is_a_sentence_and_every_choice_has_a_label(template: Path) -> None:
    asked = questions()
    sentences = asked["__prompts__"]
    for name, default in asked.items():
        if name.startswith("_"):
            continue
        if isinstance(default, list):
            assert set(sentences[name]) == {"__prompt__", *default}
        else:
            assert len(sentences[name].split()) > 3


def test_no_package_that_a_bake_asks_for_is_free_as_a_slug(python: Path) -> None:
    asked = [re.split(r"[^\w.-]", line)[0] for line in environment.requirements()]
    code = (
        "import json, sys\n"
        "from importlib.metadata import packages_distributions\n"
        "found = packages_distributions().items()\n"
        "print(json.dumps([name for name, owners in found if set(owners) & set(sys.argv[1:])]))"
    )
    listed = subprocess.run(
        [python, "-c", code, *asked], check=True, capture_output=True, text=True
    )
    names = {name.replace("-", "_").lower() for name in [*asked, *json.loads(listed.stdout)]}

    possible = {name for name in names if re.fullmatch("[a-z][a-z0-9_]*", name)}
    assert possible - constant(PRE_GEN, "DEPENDENCIES") == set()


def test_no_module_or_folder_of_a_bake_is_free_as_a_slug(bake: Bake) -> None:
    modules = {path.stem for path in bake().iterdir() if path.is_dir() or path.suffix == ".py"}
    assert {name for name in modules if name.isidentifier()} - constant(
        PRE_GEN, "OWN_NAMES"
    ) == set()


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Café Olé & Söhne", "cafe_ole_sohne"),
        ("談話室", "tan_hua_shi"),
        ("3D Chat", "my_3d_chat"),
        ("!!!", "my_site"),
        ("P" * 80, "p" * 47),
    ],
)
def test_a_slug_is_made_of_the_name(bake: Bake, name: str, slug: str) -> None:
    assert bake(project_name=name).name == slug


@pytest.mark.parametrize(("prompt", "answer"), GOOD)
def test_an_unusual_answer_works_wherever_it_is_used(
    bake: Bake, python: Path, prompt: str, answer: str
) -> None:
    project = bake(**{prompt: answer})

    settings = project / "config/settings.py"
    described = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    used = {
        "project_name": constant(settings, "SITE_NAME"),
        "project_slug": described["name"],
        "description": described["description"],
        "author_name": constant(settings, "OWNER_NAME"),
        "author_email": constant(settings, "OWNER_EMAIL"),
        "domain_name": constant(settings, "HOME_DOMAIN"),
    }
    assert used[prompt] == answer
    assert described["authors"] == [{"name": used["author_name"], "email": used["author_email"]}]
    ruff = python.with_name("ruff")
    for check in (["check"], ["format", "--check"]):
        done = run([ruff, *check, "--no-cache", "config"], project)
        assert done.returncode == 0, done.stdout


def test_pressing_enter_takes_every_default(template: Path, settings: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cookiecutter", str(template), "--config-file", str(settings)]
    asked = subprocess.check_output(
        [*command, "--output-dir", tmp_path], input="\n" * 20, text=True, encoding="utf-8"
    )

    sentences = questions()["__prompts__"]
    for sentence in sentences.values():
        words = sentence if isinstance(sentence, str) else sentence["__prompt__"]
        assert words in " ".join(asked.split())
    assert (tmp_path / "parlour" / "manage.py").exists()


def faults(capfd: pytest.CaptureFixture[str]) -> list[str]:
    """What the hook found wrong, a line each."""
    lines = capfd.readouterr().err.splitlines()
    return lines[: lines.index("")]


def shown(answer: str) -> str:
    return json.dumps(answer, ensure_ascii=not answer.isprintable())[:70].rstrip('"')
