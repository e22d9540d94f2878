"""What a run needs before its first figure: the bakes, the Node peers and Redis."""

import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from bench import services
from bench.contestants import HERE, PEERS, SERVERS, WORK
from bench.processes import Program, call
from bench.stage import Stage

TEMPLATE = WORK / "template"
PROJECT = "{{cookiecutter.project_slug}}"
TOOLS = ("node", "npm", "redis-server", "setpriv", "taskset")
NODE_PACKAGES = ("pg", "redis", "socket.io", "ws")
LEFT_BEHIND = ("__pycache__", ".*_cache", ".venv", ".env", "*.sqlite3*", "staticfiles")


@asynccontextmanager
async def prepared() -> AsyncIterator[Stage]:
    """Bake the project for each server, install the Node peers, start Redis."""
    if missing := [tool for tool in TOOLS if not shutil.which(tool)]:
        raise SystemExit(f"bench needs these programs too: {', '.join(missing)}.")
    logs = WORK / "logs"
    shutil.rmtree(logs, ignore_errors=True)
    logs.mkdir(parents=True)
    copy_template()
    for server in SERVERS:
        await bake(server)
    installed = PEERS / "node" / "node_modules"
    if not all((installed / name).exists() for name in NODE_PACKAGES):
        npm = ("npm", "install", "--no-package-lock", "--no-audit", "--no-fund")
        await call(Program(npm, PEERS / "node", {}))
    async with AsyncExitStack() as stack:
        url, process = await stack.enter_async_context(services.redis(logs))
        yield Stage(stack, logs, url, process)


def copy_template() -> None:
    """Copy what a bake is made from, without what working in the template leaves in it."""
    shutil.rmtree(TEMPLATE, ignore_errors=True)
    ignore = shutil.ignore_patterns(*LEFT_BEHIND)
    for folder in (PROJECT, "hooks"):
        shutil.copytree(HERE.parent / folder, TEMPLATE / folder, ignore=ignore)
    shutil.copy(HERE.parent / "cookiecutter.json", TEMPLATE)


async def bake(server: str) -> None:
    target = WORK / server
    shutil.rmtree(target, ignore_errors=True)
    cookiecutter = Program((sys.executable, "-m", "cookiecutter"), HERE, {})
    answers = ("project_name=Bench Project", "project_slug=bench_project", f"asgi_server={server}")
    where = ("--no-input", "--output-dir", str(target))
    await call(cookiecutter, str(TEMPLATE), *where, *answers)
