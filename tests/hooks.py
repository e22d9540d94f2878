"""The hooks as they stand in the repository: run by themselves, and read without being run."""

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.environment import ROOT

PRE_GEN = ROOT / "hooks/pre_gen_project.py"
POST_GEN = ROOT / "hooks/post_gen_project.py"


def run_hook(
    hook: Path, answers: dict[str, Any], folder: Path, python: str = sys.executable
) -> subprocess.CompletedProcess[str]:
    """Run a hook as Cookiecutter does, with answers that its prompts may never let through."""
    code = hook.read_text(encoding="utf-8")
    code = code.replace("{{ cookiecutter | tojson }}", json.dumps(answers))
    script = folder.parent / f"{folder.name}-{hook.name}"
    script.write_text(code, encoding="utf-8")
    return subprocess.run([python, script], cwd=folder, capture_output=True, text=True)


def default_answers(project_slug: str = "parlour") -> dict[str, Any]:
    """The answers of someone who presses Enter at every prompt."""
    firsts = {
        name: answer[0] if isinstance(answer, list) else answer
        for name, answer in questions().items()
    }
    told = {"_template": "the-template", "_repo_dir": "the-template", "_output_dir": "."}
    return {**firsts, **told, "project_slug": project_slug}


def questions() -> dict[str, Any]:
    """cookiecutter.json."""
    asked: dict[str, Any] = json.loads((ROOT / "cookiecutter.json").read_text(encoding="utf-8"))
    return asked


def constant(file: Path, name: str) -> Any:  # Any: whatever the module says it is
    """The value that a module gives to a name, read without running it."""
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == name:
            return value(node.value)
    raise LookupError(f"{file} gives no value to {name}")


def value(node: ast.expr) -> Any:  # Any: see above
    match node:
        case ast.Call(func=ast.Name(id="set"), args=[ast.Call(func=ast.Attribute(value=words))]):
            return set(ast.literal_eval(words).split())
        case _:
            return ast.literal_eval(node)
