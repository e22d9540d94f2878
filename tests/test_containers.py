"""The site in production on one machine, for real: image, stack, and what happens when parts die.

These need Docker. `make test-containers` runs them.
"""

import asyncio
import json
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Bake
from tests.crowd import Crowd, Door, Figures
from tests.projects import run
from tests.stack import Stack, Visitor, no_docker, prepare_base_images
from tests.tables import Table, shown_at_the_end
from tests.test_bakes import ANSWERS

pytestmark = pytest.mark.containers

ROOM = "general"
PEOPLE = 20
PASSWORD = "quiet-copper-lantern"
IMAGE_MEGABYTES = 250  # what the site adds to its base
BACK_SECONDS = 10

Say = Callable[[str, object], None]

MAKE_PEOPLE = f"""
import json
from django.test import Client
from accounts.models import User
from chat.models import Membership, Room
room, _ = Room.objects.get_or_create(slug="{ROOM}", defaults={{"name": "General"}})
cookies = []
for number in range({PEOPLE}):
    user, _ = User.objects.get_or_create(username=f"person{{number}}")
    Membership.objects.get_or_create(room=room, user=user)
    browser = Client()
    browser.force_login(user)
    name = "__Host-parlour_sessionid"
    cookies.append(f"{{name}}={{browser.cookies[name].value}}")
print(json.dumps(cookies))
"""
KEEP_FILE = """
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
print('"%s"' % default_storage.save("attachments/kept", ContentFile(b"kept")))
"""
CHANGE_FILES = """
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
default_storage.delete("attachments/kept")
print('"%s"' % default_storage.save("attachments/later", ContentFile(b"later")))
"""
FILES = """
import json
from django.core.files.storage import default_storage
names = [f"attachments/{name}" for name in default_storage.listdir("attachments")[1]]
print(json.dumps({name: default_storage.open(name).read().decode() for name in names}))
"""
COUNT_MESSAGES = f"""
from chat.models import Message
print(Message.objects.filter(room__slug="{ROOM}").count())
"""


@pytest.fixture(scope="module")
def table() -> Table:
    columns = ("what happens", "clients", "acknowledged", "lost", "doubled", "reordered")
    rest = ("reconnects", "longest gap, s")
    return shown_at_the_end(Table("Containers, under load", *columns, *rest))


@pytest.fixture(scope="module")
def say() -> Say:
    """Note a figure for the end of the run."""
    return shown_at_the_end(Table("Containers", "what", "how much")).add


@pytest.fixture(scope="module")
def project(bake: Bake) -> Path:
    assert no_docker() == "", "the container tests need Docker"
    project = bake(asgi_server="uvicorn")
    prepare_base_images(project)
    return project


@pytest.fixture(scope="module")
def stack(project: Path) -> Iterator[Stack]:
    """The site with three replicas, up and ready."""
    with Stack(project) as stack:
        stack.compose("build", "--quiet", "web")
        stack.seconds_to_ready = stack.up()
        yield stack


@pytest.fixture(scope="module")
def cookies(stack: Stack) -> list[str]:
    """The sessions of people in one room."""
    cookies: list[str] = stack.python(MAKE_PEOPLE)
    return cookies


# The image


def test_the_image_has_what_runs_the_site_and_nothing_else(stack: Stack, say: Say) -> None:
    found = stack.inspect(stack.image)
    base = stack.inspect("python:3.13-slim")
    megabytes = (found["Size"] - base["Size"]) / 1e6
    say("image, MB", found["Size"] / 1e6)
    say("image over its base, MB", megabytes)

    assert found["Config"]["User"] == "10001:10001"
    assert found["Config"]["Cmd"] == ["python", "manage.py", "serve"]
    assert found["Config"]["Healthcheck"]["Test"][-1] == "/healthz"
    assert megabytes < IMAGE_MEGABYTES
    environment = " ".join(found["Config"]["Env"])
    assert "SECRET" not in environment
    assert "PASSWORD" not in environment


def test_the_image_has_no_compiler_no_secret_and_no_test(stack: Stack) -> None:
    looked = stack.compose(
        *("exec", "-T", "web", "sh", "-c"),
        "command -v gcc cc make uv git; ls -a /app; find / -xdev -name '*.dump' -o -name .env"
        " -o -path '/app/*' -name tests; test -f /app/staticfiles/staticfiles.json || echo missing",
    ).split()
    unwanted = {".env", ".git", ".venv", "Dockerfile", "compose.yaml", "conftest.py", "missing"}
    assert not unwanted & set(looked)
    assert not [line for line in looked if line.startswith("/")]


def test_a_replica_can_write_nothing_but_what_is_temporary(stack: Stack) -> None:
    done = stack.run(
        *("docker", "compose", "exec", "-T", "web", "sh", "-c"),
        "touch /tmp/there && ! touch /app/here && ! touch /venv/here && id -u",
    )
    assert done.stdout.strip() == "10001"


def test_a_change_in_the_code_is_built_in_seconds(stack: Stack, say: Say) -> None:
    change(stack.project / "chat" / "text.py", "# changed")
    began = time.monotonic()
    stack.compose("build", "--quiet", "web")
    took = time.monotonic() - began
    say("rebuild after a change in the code, s", took)
    assert took < 60


# The stack


def test_up_ends_ready(stack: Stack, say: Say) -> None:
    say("from up to ready with an image that is there, s", stack.seconds_to_ready)
    services = {
        each["Service"]: each
        for each in map(json.loads, stack.compose("ps", "--all", "--format", "json").splitlines())
    }
    assert {name: each["Health"] for name, each in services.items()} == {
        "migrate": "",
        "postgres": "healthy",
        "proxy": "healthy",
        "redis": "healthy",
        "web": "healthy",
        "worker": "healthy",
    }
    assert services["migrate"]["ExitCode"] == 0
    assert len(stack.containers()) == 3


def test_the_proxy_speaks_tls_and_keeps_what_is_internal_to_itself(stack: Stack) -> None:
    visitor = Visitor(stack)
    page = visitor.get("/accounts/login/", **{"Accept-Encoding": "gzip"})
    assert page.status == 200
    assert page.headers["Content-Encoding"] == "gzip"
    assert "preload" in page.headers["Strict-Transport-Security"]
    assert "script-src 'self' 'nonce-" in page.headers["Content-Security-Policy"]
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Server"] is None
    assert len(page.headers["X-Request-Id"]) == 36
    assert "Secure" in page.headers["Set-Cookie"]
    assert visitor.get("/healthz").status == 200
    assert visitor.get("/readyz").status == 404
    assert visitor.get("/metrics").status == 404


def test_the_deployed_site_is_checked_from_outside(
    stack: Stack, python: Path, tmp_path: Path
) -> None:
    authority = tmp_path / "authority.crt"
    authority.write_text(stack.authority)
    place = ["--at", f"127.0.0.1:{stack.https_port}"]  # no resolver need know the test's domain
    check = [str(python), "-m", "operations.smoke", f"https://{stack.address}", *place]

    done = stack.run(*check, SSL_CERT_FILE=str(authority))
    assert (done.returncode, done.stderr) == (0, "")
    untrusted = stack.run(*check)
    assert untrusted.returncode == 1
    assert "The certificate of chat.localhost is not valid" in untrusted.stderr


def test_the_smoke_test_of_a_pipeline_passes(stack: Stack) -> None:
    done = stack.run("deploy/smoke")
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def test_a_person_signs_up_and_logs_in(stack: Stack) -> None:
    visitor = Visitor(stack)
    fields = {"username": "ada", "email": "ada@example.com", "password1": PASSWORD}
    assert visitor.post("/accounts/signup/", **fields).status == 302
    assert visitor.get("/").status == 200

    returning = Visitor(stack)
    signed_in = returning.post("/accounts/login/", login="ada", password=PASSWORD)
    assert signed_in.status == 302
    assert returning.get("/").status == 200


def test_guessing_passwords_is_stopped_whatever_address_is_claimed(stack: Stack) -> None:
    visitor = Visitor(stack)
    for _ in range(12):
        answer = visitor.post("/accounts/login/", login="grace", password="a guess")
    assert b"Too many wrong passwords" in answer.body or answer.status == 429


def test_lines_of_the_log_are_json_without_secrets(stack: Stack) -> None:
    Visitor(stack).get("/accounts/password/reset/key/1-c0ffee/")
    log = "".join(stack.run("docker", "logs", each).stderr for each in stack.containers())
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    assert any(line.get("status") == 200 and line["for"] for line in lines)
    assert "c0ffee" not in log
    assert "sessionid" not in log


# Chat, while things happen


def test_people_on_all_replicas_hear_each_other(
    stack: Stack, cookies: list[str], table: Table
) -> None:
    async def scene(crowd: Crowd) -> None:
        await asyncio.sleep(5)
        open_sockets = [stack.metrics(each)["realtime_sockets"] for each in stack.containers()]
        assert sum(open_sockets) == len(crowd.people)
        assert min(open_sockets) > 0

    figures = play(stack, cookies, scene, clients=60)
    table.add("nothing breaks", *figures.cells)
    kept_whole(figures)
    assert figures.reconnects == 0


def test_people_on_all_replicas_see_each_other(stack: Stack, cookies: list[str]) -> None:
    """Somebody who arrives on one replica is announced to those on the others."""

    async def scene() -> None:
        async with AsyncExitStack() as sockets:
            people = [door.to(cookie, "/ws/presence/") for cookie in cookies[:4]]
            first, *others = [await sockets.enter_async_context(person) for person in people]
            used = [stack.metrics(each)["realtime_sockets"] for each in stack.containers()]
            assert len([number for number in used if number]) > 1
            seen: set[str] = set()
            async with asyncio.timeout(BACK_SECONDS):
                while len(seen) < len(others):
                    frame = json.loads(await first.recv())
                    if frame["type"] == "presence.changed" and frame["topic"].endswith(ROOM):
                        seen |= {person["username"] for person in frame["data"]["joined"]}

    door = Door(stack.address, stack.https_port, stack.tls)
    asyncio.run(scene())


def test_a_killed_replica_is_replaced(stack: Stack, cookies: list[str], table: Table) -> None:
    async def scene(crowd: Crowd) -> None:
        await asyncio.sleep(2)
        await asyncio.to_thread(stack.kill, stack.containers()[0])
        await asyncio.sleep(BACK_SECONDS)

    figures = play(stack, cookies, scene, clients=60)
    table.add("a replica is killed", *figures.cells)
    kept_whole(figures)
    assert figures.reconnects > 0
    stack.up()


def test_redis_restarts(stack: Stack, cookies: list[str], table: Table) -> None:
    async def scene(crowd: Crowd) -> None:
        await asyncio.sleep(2)
        await asyncio.to_thread(stack.compose, "restart", "--timeout", "1", "redis")
        await asyncio.sleep(BACK_SECONDS)

    figures = play(stack, cookies, scene, clients=60)
    table.add("Redis restarts", *figures.cells)
    kept_whole(figures)
    assert figures.reconnects == 0


def test_postgresql_restarts(stack: Stack, cookies: list[str], table: Table) -> None:
    async def scene(crowd: Crowd) -> None:
        await asyncio.sleep(2)
        await asyncio.to_thread(stack.compose, "restart", "postgres")
        await asyncio.sleep(BACK_SECONDS)

    figures = play(stack, cookies, scene, clients=60)
    table.add("PostgreSQL restarts", *figures.cells)
    kept_whole(figures)


def test_an_update_rolls_without_a_loss(stack: Stack, cookies: list[str], table: Table) -> None:
    before = stack.containers()

    async def scene(crowd: Crowd) -> None:
        done = await asyncio.to_thread(stack.run, "deploy/update")
        assert done.returncode == 0, done.stdout + done.stderr

    change(stack.project / "chat" / "text.py", "# changed once more")
    figures = play(stack, cookies, scene, clients=200)
    table.add("an update rolls", *figures.cells)
    kept_whole(figures)
    assert figures.reconnects >= 200
    assert figures.longest_gap < BACK_SECONDS
    after = stack.containers()
    assert len(after) == 3
    assert not set(before) & set(after)


def test_a_version_that_does_not_start_changes_nothing(stack: Stack, cookies: list[str]) -> None:
    before = stack.containers()
    broken = stack.project / "config" / "asgi.py"
    whole = broken.read_text()
    change(broken, "raise RuntimeError('broken')")
    try:
        done = stack.run("deploy/update")
    finally:
        broken.write_text(whole)
    assert done.returncode == 1
    assert "the old one stays" in done.stderr
    assert stack.containers() == before
    assert Visitor(stack).get("/accounts/login/").status == 200


def test_a_backup_comes_back_and_clients_start_over(stack: Stack, cookies: list[str]) -> None:
    async def scene(crowd: Crowd) -> None:
        stack.python(KEEP_FILE)
        backup = await asyncio.to_thread(stack.run, "deploy/backup")
        assert backup.returncode == 0, backup.stderr
        stack.python(CHANGE_FILES)
        kept = stack.python(COUNT_MESSAGES)
        async with crowd.chatting(writers=5, pause=0.2):
            await asyncio.sleep(2)
        assert stack.python(COUNT_MESSAGES) > kept

        restored = await asyncio.to_thread(stack.run, "deploy/restore", backup.stdout.strip())
        assert restored.returncode == 0, restored.stdout + restored.stderr
        await crowd.settled()
        assert stack.python(COUNT_MESSAGES) == kept
        assert stack.python(FILES) == {"attachments/kept": "kept"}
        assert all(person.resets for person in crowd.people)
        assert all(len(person.applied) == kept for person in crowd.people)

    play(stack, cookies, scene, clients=20, writers=0)


def test_a_backup_that_does_not_fit_is_refused(stack: Stack) -> None:
    small = stack.project / "small"
    small.mkdir()
    stack.run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(small))
    try:
        done = stack.run("deploy/backup", BACKUPS=str(small))
        assert done.returncode == 1
        assert "BACKUPS" in done.stderr
        assert list(small.iterdir()) == []
    finally:
        stack.run("umount", str(small))


def test_a_backup_that_cannot_be_read_changes_nothing(stack: Stack, tmp_path: Path) -> None:
    kept = stack.python(COUNT_MESSAGES)
    torn = tmp_path / "torn.dump"
    torn.write_bytes(b"PGDMP and then nothing")
    done = stack.run("deploy/restore", str(torn))
    assert done.returncode == 1
    assert "nothing was changed" in done.stderr
    assert stack.python(COUNT_MESSAGES) == kept


def test_an_update_rolls_on_daphne_too(bake: Bake, table: Table) -> None:
    project = bake(asgi_server="daphne")
    prepare_base_images(project)

    with Stack(project, replicas=2) as stack:

        async def scene(crowd: Crowd) -> None:
            done = await asyncio.to_thread(stack.run, "deploy/update")
            assert done.returncode == 0, done.stdout + done.stderr

        stack.up()
        figures = play(stack, stack.python(MAKE_PEOPLE), scene, clients=100)
    table.add("an update rolls, on daphne", *figures.cells)
    kept_whole(figures)
    assert figures.reconnects >= 100
    assert figures.longest_gap < BACK_SECONDS


# What is in the files


@pytest.mark.parametrize("file", ["compose.yaml", "compose.dev.yaml"])
@pytest.mark.parametrize("answers", ANSWERS, ids=lambda row: "-".join(list(row.values())[:3]))
def test_compose_takes_the_files_of_every_bake(
    bake: Bake, answers: dict[str, Any], file: str
) -> None:
    project = bake(**answers)
    command = ["docker", "compose", "--file", file, "config", "--quiet"]
    done = run(command, project, DOMAIN="localhost")
    assert (done.returncode, done.stdout) == (0, "")


# What is wrong is said


@pytest.mark.parametrize("name", ["DOMAIN", "SECRET_KEY", "POSTGRES_PASSWORD"])
def test_a_missing_variable_is_named(stack: Stack, name: str) -> None:
    done = stack.run("docker", "compose", "up", "--wait", **{name: ""})
    assert done.returncode != 0
    assert f"required variable {name} is missing a value: is not set. Put" in done.stderr


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("DOMAIN", "https://chat.example.com", "DOMAIN cannot be 'https://chat.example.com'"),
        ("SECRET_KEY", "secret", "SECRET_KEY has less than 50 characters"),
        ("DATABASE_URL", "postgres://site@nowhere/site", "DATABASE_URL leads to no database"),
        ("DATABASE_URL", "nowhere", "DATABASE_URL is not the address of a database"),
        ("REDIS_URL", "redis://nowhere:6379/0", "REDIS_URL leads to no Redis"),
        ("DEBUG", "true", "You should not have DEBUG set to True in deployment."),
    ],
)
def test_wrong_surroundings_are_named_before_anything_is_changed(
    stack: Stack, name: str, value: str, said: str
) -> None:
    done = stack.run(
        *("docker", "compose", "run", "--rm", "--no-deps", "--env", f"{name}={value}", "migrate")
    )
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def change(file: Path, line: str) -> None:
    file.write_text(f"{file.read_text()}\n{line}\n")


def play(
    stack: Stack,
    cookies: list[str],
    scene: Callable[[Crowd], Coroutine[None, None, None]],
    clients: int,
    writers: int = 10,
) -> Figures:
    """Let a crowd chat through a scene, and wait until everybody has what was said."""

    async def run() -> Figures:
        door = Door(stack.address, stack.https_port, stack.tls)
        crowd = Crowd(door, cookies, ROOM, clients)
        async with crowd.gathered():
            async with crowd.chatting(writers, pause=1):
                await scene(crowd)
            await crowd.settled()
            return crowd.figures()

    return asyncio.run(run())


def kept_whole(figures: Figures) -> None:
    assert figures.acknowledged > 0
    assert (figures.lost, figures.doubled, figures.disordered) == (0, 0, 0)
