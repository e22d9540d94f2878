# /// script
# requires-python = ">=3.11"
# dependencies = ["cookiecutter>=2.7"]
# ///
"""Merge a newer version of this template into a project that was baked from it.

`make update` in a project runs this file from a new clone of the template, so it has to stay where
it is. It bakes the project's version and the newer one with the project's answers, and cherry-picks
the difference as one commit: git merges it with the owner's changes, follows renames, marks
conflicts, and can put everything back.

Usage: update.py [VERSION] [ANSWER=VALUE ...]
"""

import json
import os
import re
import shutil
import subprocess
import sys
from itertools import takewhile
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

Answers = dict[str, Any]  # Any: texts, and yes or no

TEMPLATE = Path(__file__).resolve().parent
ORIGIN = ".cruft.json"
TAG = re.compile(r"v\d+\.\d+\.\d+")
SUBJECT = "Update to the template's "
WRITING = "refs/worktree/template-writing"
"""Exists while git writes an update into the project, and still does after a kill."""
CONFLICTS = {
    "AA": "added here and in the template",
    "AU": "renamed here or in the template",
    "DD": "renamed here and in the template",
    "DU": "removed here, changed in the template",
    "UA": "renamed here or in the template",
    "UD": "changed here, removed from the template",
    "UU": "changed here and in the template",
}
REMOVED_HERE = "DU"
MARKS = "^(<{7}|>{7}) "
GO_ON = """\
Edit them and `git add` or `git rm` them; then `make update` goes on.
`git cherry-pick --abort` puts everything back."""
IGNORED = "Commit them (`git add --force`) or move them away, so that none is overwritten."


def main(arguments: list[str]) -> None:
    if not Path(ORIGIN).exists():
        sys.exit(f"{ORIGIN} is not here: it says what this project was baked from.")
    put_back_what_was_interrupted()
    if not under_way():
        changes = dict(each.split("=", 1) for each in arguments if "=" in each)
        begin(" ".join(each for each in arguments if "=" not in each), changes)
    if under_way():
        finish()


def begin(version: str, changes: Answers) -> None:
    """Pick what lies between the project's version and this one; conflicts leave it under way.

    Args:
        version: a tag, a branch or a commit of the template; if empty, the newest tag.
        changes: answers other than those that the project was baked with.
    """
    if git("status", "--porcelain"):
        sys.exit("Commit or stash your changes first: an update is a commit of its own.")
    git("var", "GIT_COMMITTER_IDENT")  # ends here, not after the bakes, where nobody can commit
    origin = json.loads(Path(ORIGIN).read_text("utf-8"))
    answers = origin["context"]["cookiecutter"]
    old = commit(origin["commit"] or f"v{answers['_version']}")
    new = commit(version) if version else newest(old)
    if old == new and not changes:
        print(f"The template has nothing newer than {name_of(old)}, which this project has.")
        return

    if unknown := changes.keys() - set(asked := questions(new)):
        sys.exit(f"{unknown.pop()} is not asked by the template; {', '.join(asked)} are.")

    with TemporaryDirectory() as folder:
        before, after = Path(folder, "before"), Path(folder, "after")
        bake(after, new, answers | changes)
        bake(before, old, answers)
        place = git("rev-parse", "--show-prefix")
        shutil.copy(ORIGIN, before / place)  # so it cannot conflict
        base = keep(before, "The template as it was")
        for path in in_removed_folders(after, base):
            print(f"Left out, because its folder was removed here: {path}")
            (after / path).unlink()
        theirs = keep(after, SUBJECT + name_of(new), "-p", base)

    if ignored := ignored_here(base, theirs):
        lines = [f"    {path}" for path in ignored]
        sys.exit("\n".join(["The update has these files, and git ignores yours:", *lines, IGNORED]))
    print(news(old, new), end="")
    picked = write("cherry-pick", "--allow-empty", theirs)
    if not under_way():
        print(picked.stderr or f"Updated from {name_of(old)} to {name_of(new)}.")
        sys.exit(picked.returncode)


def finish() -> None:
    """Commit the update that is under way, or say what it needs from the owner, and exit."""
    for path, code in unmerged().items():
        if code == REMOVED_HERE:
            print(f"Left out, because it was removed here: {path}")
            git("rm", "--quiet", "--force", "--", literal(path))
    if conflicts := unmerged():
        lines = [f"    {path}: {CONFLICTS[code]}" for path, code in conflicts.items()]
        sys.exit("\n".join(["These files need you:", *lines, GO_ON]))
    staged = git("diff", "--cached", "--name-only", "-z").split("\0")
    paths = [literal(path) for path in staged if path]
    marked = run("grep", "--cached", "--name-only", "--extended-regexp", MARKS, "--", *paths)
    if marked.stdout:
        sys.exit(f"These files still have the marks of a conflict:\n{marked.stdout}{GO_ON}")
    if (done := write("-c", "core.editor=true", "cherry-pick", "--continue")).returncode:
        sys.exit(done.stderr)
    print("The update is committed.")


def put_back_what_was_interrupted() -> None:
    """After an update that was killed while git wrote: put what it wrote into the stash."""
    if not git("for-each-ref", WRITING):
        return
    branch = run("symbolic-ref", "--quiet", "HEAD").stdout.strip() or "HEAD"
    for name in ("index", "CHERRY_PICK_HEAD", "HEAD", branch):
        Path(git("rev-parse", "--git-path", f"{name}.lock")).unlink(missing_ok=True)
    if not under_way() and git("status", "--porcelain"):
        git("add", "--all")  # conflicts too, which no stash takes
        git("stash", "push", "--quiet", "--include-untracked", "--message", "A killed update")
        print("An update was killed here; what it had written is in `git stash list`.")
    git("update-ref", "-d", WRITING)


# Versions of the template


def commit(name: str) -> str:
    """The commit of the template that this tag, branch or number means."""
    for each in (f"v{name}", name, f"origin/{name}"):
        found = run("rev-parse", "--verify", "--quiet", f"{each}^{{commit}}", cwd=TEMPLATE)
        if not found.returncode:
            return found.stdout.strip()
    sys.exit(f"{address()} has no version {name}; an answer is NAME=VALUE.")


def newest(old: str) -> str:
    """The commit of the newest tag, or the old one if that is newer still."""
    tags = git("tag", "--list", "--sort=-version:refname", cwd=TEMPLATE).split()
    tag = next((each for each in tags if TAG.fullmatch(each)), None)
    if not tag:
        sys.exit(f"{address()} has no version yet; TO= names a branch or a commit.")
    older = run("merge-base", "--is-ancestor", tag, old, cwd=TEMPLATE).returncode == 0
    return old if older else commit(tag)


def name_of(version: str) -> str:
    return git("describe", "--tags", "--always", version, cwd=TEMPLATE)


def news(old: str, new: str) -> str:
    """The lines that the changelog has gained."""
    lines = git("diff", "--unified=0", old, new, "--", "CHANGELOG.md", cwd=TEMPLATE).splitlines()
    return "".join(f"{line[1:]}\n" for line in lines if re.match(r"\+(?!\+\+)", line))


def address() -> str:
    """Where the template is, without the name and the token of who reads it there."""
    return re.sub(r"(https?://)[^/]*@", r"\1", git("remote", "get-url", "origin", cwd=TEMPLATE))


# Bakes


def questions(version: str) -> list[str]:
    """What a version of the template asks, by the names of the answers."""
    text = git("show", f"{version}:cookiecutter.json", cwd=TEMPLATE)
    return [name for name in json.loads(text) if not name.startswith("_")]


def bake(root: Path, version: str, answers: Answers) -> None:
    """Bake a version of the template below this root, at the project's place in its repository."""
    beside = root.with_name(f"{root.name}-baked")
    source = beside / "template"
    git("worktree", "add", "--quiet", "--detach", str(source), version, cwd=TEMPLATE)
    config = beside / "config.yaml"
    config.write_text(f"replay_dir: {json.dumps(str(beside))}\n", "utf-8")
    command = [sys.executable, "-m", "cookiecutter", str(source), "--no-input"]
    command += ["--config-file", str(config), "--output-dir", str(beside / "project")]
    command += [f"{name}={spoken(answers[name])}" for name in questions(version) if name in answers]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    if done.returncode:
        said = done.stderr.splitlines()
        traceback = said[:1] == ["Traceback (most recent call last):"]
        # After an empty line, the hook tells how to ask again: here that is another `make update`.
        why = said[-1:] if traceback else list(takewhile(bool, said))
        sys.exit("\n".join([f"{name_of(version)} of the template cannot be baked:", *why]))

    project = root / git("rev-parse", "--show-prefix")
    project.parent.mkdir(parents=True, exist_ok=True)
    (made,) = (beside / "project").iterdir()
    made.rename(project)
    shutil.rmtree(project / ".git", ignore_errors=True)
    if (note := project / ORIGIN).exists():
        origin = {**json.loads(note.read_text("utf-8")), "template": address()}
        note.write_text(json.dumps(origin, indent=2, ensure_ascii=False) + "\n", "utf-8")


def spoken(answer: object) -> str:
    return ("no", "yes")[answer] if isinstance(answer, bool) else str(answer)


def keep(root: Path, message: str, *parents: str) -> str:
    """Commit a bake to the project's repository, on no branch, without its secrets."""
    environment = {
        "GIT_DIR": git("rev-parse", "--absolute-git-dir"),
        "GIT_WORK_TREE": str(root),
        "GIT_INDEX_FILE": str(root.with_name(f"{root.name}-index")),
    }
    git("add", "--all", "--force", "--", ".", ":(exclude,glob)**/.env", cwd=root, **environment)
    tree = git("write-tree", cwd=root, **environment)
    return git("commit-tree", tree, *parents, "-m", message)


def in_removed_folders(root: Path, base: str) -> list[str]:
    """The new files of a bake in folders that the base has, and the project no longer."""
    before = files_of(base)
    gone = folders(before) - folders(files_of("HEAD"))
    after = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    return sorted(path for path in after - before if folders({path}) & gone)


def ignored_here(base: str, theirs: str) -> list[str]:
    """The files that an update writes where git ignores one, in a tree without other changes."""
    names = git("diff", "--name-only", "--no-renames", "--diff-filter=d", "-z", base, theirs)
    top = git("rev-parse", "--show-toplevel")
    written = set(names.split("\0")) - {""} - files_of("HEAD")
    return sorted(path for path in written if os.path.lexists(os.path.join(top, path)))


def files_of(version: str) -> set[str]:
    names = git("ls-tree", "-r", "-z", "--name-only", "--full-tree", version).split("\0")
    return {name for name in names if name}


def folders(paths: set[str]) -> set[str]:
    return {str(folder) for path in paths for folder in PurePosixPath(path).parents}


# The project's repository


def under_way() -> bool:
    """Whether an update waits for the owner."""
    subject = run("log", "-1", "--format=%s", "CHERRY_PICK_HEAD").stdout
    return subject.startswith(SUBJECT)


def unmerged() -> dict[str, str]:
    """The paths in conflict, and the two letters that `git status` has for each."""
    entries = git("status", "--porcelain", "--no-renames", "-z").split("\0")
    return {entry[3:]: entry[:2] for entry in entries if entry[:2] in CONFLICTS}


def literal(path: str) -> str:
    return f":(top,literal){path}"


def write(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run git where a kill would leave the project half written."""
    git("update-ref", WRITING, "HEAD")
    done = run(*arguments)
    git("update-ref", "-d", WRITING)
    return done


def git(*arguments: str, cwd: Path | None = None, **environment: str) -> str:
    """What git prints. Where it fails, so does the update, with its words."""
    done = run(*arguments, cwd=cwd, **environment)
    if done.returncode:
        sys.exit(done.stderr or done.stdout or f"git {arguments[0]} failed.")
    return done.stdout.rstrip("\n")


def run(
    *arguments: str, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", *arguments],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit("Broken off; `make update` puts the project in order and starts again.")
