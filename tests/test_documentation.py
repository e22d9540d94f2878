"""The documentation as a site, and the files that a visitor of the repository looks for."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests import documentation
from tests.conftest import Bake
from tests.environment import ROOT, SOURCE

RELATIVE = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")
SCHEMAS = {
    "github-workflows": [".github/workflows/ci.yml", f"{SOURCE.name}/.github/workflows/ci.yml"],
    "github-issue-forms": [".github/ISSUE_TEMPLATE/bug.yml", ".github/ISSUE_TEMPLATE/idea.yml"],
    "dependabot": [".github/dependabot.yml", f"{SOURCE.name}/.github/dependabot.yml"],
    "gitlab-ci": [f"{SOURCE.name}/.gitlab-ci.yml"],
}


def test_the_site_is_built_without_a_complaint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documentation, "REPOSITORY", "ada/live")
    assert documentation.build(tmp_path / "site") == ""
    page = (tmp_path / "site/project/docs/mqtt/index.html").read_text("utf-8")
    assert "parlour/in/sensors/kitchen" in page
    assert '<a href="../feeds/#carrying-it-elsewhere">' in page
    assert 'href="/live/assets/' in (tmp_path / "site/404.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("repository", "shown"),
    [
        ("", "[Up](../up.md) and [\u00d7](https://a.example/../../x):  , ask or\nreport.\n"),
        (
            "ada/live",
            "[Up](../up.md) and [\u00d7](https://a.example/../../x): "
            "[![CI](https://github.com/ada/live/ci.svg)](https://github.com/ada/live/ci) "
            "![](https://github.com/ada/live/a.png), "
            "[ask or\nreport](https://github.com/ada/live/issues).\n",
        ),
    ],
)
def test_links_to_the_forge_lead_there_or_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repository: str, shown: str
) -> None:
    monkeypatch.setattr(documentation, "REPOSITORY", repository)
    monkeypatch.setattr(documentation, "FORGE", "https://github.com")
    (tmp_path / "a.md").write_text(
        "[Up](../up.md) and [\u00d7](https://a.example/../../x): [![CI](../../ci.svg)](../../ci) "
        "![](../../a.png), [ask or\nreport](../../issues).\n",
        "utf-8",
    )

    documentation.copy(tmp_path / "a.md", tmp_path / "b.md")

    assert (tmp_path / "b.md").read_text("utf-8") == shown


def test_every_page_is_in_the_menu(bake: Bake, tmp_path: Path) -> None:
    documentation.collect(bake(**documentation.EVERY_PART), tmp_path)
    pages = {file.relative_to(tmp_path).as_posix() for file in tmp_path.rglob("*.md")}
    listed = re.findall(r"[\w/.-]+\.md\b", (ROOT / "docs/mkdocs.yml").read_text("utf-8"))
    assert sorted(listed) == sorted(pages)


@pytest.mark.parametrize("answers", [{}, documentation.EVERY_PART], ids=["defaults", "every-part"])
def test_every_link_leads_to_a_file(bake: Bake, tmp_path: Path, answers: dict[str, bool]) -> None:
    documentation.collect(bake(**answers), tmp_path)
    broken = [
        f"{page.relative_to(tmp_path)}: {link}"
        for page in tmp_path.rglob("*.md")
        for link in RELATIVE.findall(page.read_text("utf-8"))
        if not (page.parent / link).exists()
    ]
    assert [each for each in broken if answers or each.startswith("project/")] == []


def test_the_readme_names_the_versions_that_ci_tests() -> None:
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text("utf-8"))["jobs"]
    matrix = jobs["test"]["strategy"]["matrix"]
    assert matrix["python"] == ["3.11", "3.12", "3.13", "3.14"]
    assert matrix["django"] + [each["django"] for each in matrix["include"]] == [
        "5.2",
        "6.1",
        "6.1",
    ]
    assert jobs["bake"]["strategy"]["matrix"] == {"system": ["macos-15", "windows-2025"]}
    readme = (ROOT / "README.md").read_text("utf-8")
    assert "Python 3.11 to 3.14" in readme
    assert "Django 5.2 and 6.1" in readme


@pytest.mark.parametrize("schema", SCHEMAS)
def test_the_forges_understand_their_files(schema: str) -> None:
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}"]
    if schema == "gitlab-ci":
        check += ["--data-transform", "gitlab-ci"]
    done = subprocess.run([*check, *SCHEMAS[schema]], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
