"""The examples of docs/channels.md, in a bake, on both servers and in a worker."""

import asyncio
import json
import re
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from tests.conftest import Bake, Manage, Serve
from tests.hooks import questions
from tests.projects import Server, run, served
from tests.services import Postgres
from tests.test_documents import edit
from tests.wire import opened

SIGNED_IN = """
import json
from accounts.models import User
from realtime.testing import session_key_of
print(json.dumps(session_key_of(User.objects.create(username="ada"))))
"""
TOKEN = "x" * 32
ANSWER_SECONDS = 5
SCENE_SECONDS = 60


@pytest.mark.parametrize("asgi_server", questions()["asgi_server"])
def test_the_documented_examples_run(
    bake: Bake,
    serve: Serve,
    manage: Manage,
    python: Path,
    postgres: Postgres,
    redis_url: str,
    asgi_server: str,
) -> None:
    project = bake(asgi_server=asgi_server)
    add_the_examples(project)
    surroundings = {"DATABASE_URL": postgres.create_database(), "REDIS_URL": redis_url}
    site = serve(project, **surroundings)
    session = json.loads(manage(project, "shell", "-v0", "-c", SIGNED_IN, **surroundings))
    worker = Server(python, project, served(**surroundings), "python manage.py runworker letters")
    worker.launch()

    def announce(text: str) -> None:
        cookies = f"parlour_sessionid={session}; parlour_csrftoken={TOKEN}"
        headers = {"Cookie": cookies, "X-CSRFToken": TOKEN}
        data = urlencode({"text": text}).encode()
        urlopen(Request(f"{site.url}/examples/announce/general/", data, headers)).close()

    async def says(path: str, text: str, then: str = "") -> list[str]:
        """What comes back for a text, and then for what a view is told to announce."""
        async with opened(site.websocket_url, f"/ws/examples/{path}/", session, protocols=()) as ws:
            answers = [""]
            while not answers[0]:  # no worker may listen yet, and a message to it is lost
                await ws.send(text)
                with suppress(TimeoutError):
                    answers[0] = str(await asyncio.wait_for(ws.recv(), ANSWER_SECONDS))
            if then:
                await asyncio.to_thread(announce, then)
                answers.append(str(await asyncio.wait_for(ws.recv(), ANSWER_SECONDS)))
            return answers

    async def scene() -> None:
        assert await says("echo", "hi") == ["Hello, ada: hi"]
        assert await says("lobby/general", "hi", "Tea") == ["hi, to 1 people", "Tea"]
        assert await says("letters", '{"text": "letters"}') == ['{"letters": 7}']
        assert await says("export", "one") == ["noon, not one"]

    try:
        asyncio.run(asyncio.wait_for(scene(), SCENE_SECONDS))
        with urlopen(f"{site.url}/examples/export/") as exported:
            assert exported.read() == b"name\nada\n"
        worked = worker.log
    finally:
        worker.stop()  # by an interrupt, which Channels' own command logs wherever it comes
    site.stop()
    assert "Traceback" not in site.log + worked


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_the_documented_tests_pass(
    bake: Bake, python: Path, postgres: Postgres, database: str
) -> None:
    project = bake()
    add_the_examples(project)
    url = postgres.create_database() if database == "postgres" else "sqlite:///db.sqlite3"
    # in one process: pytest-xdist names the databases of its own
    done = run([python, "-m", "pytest", "-v", "examples/tests.py"], project, DATABASE_URL=url)
    assert "2 passed" in done.stdout, done.stdout


def add_the_examples(project: Path) -> None:
    """Write each example of docs/channels.md into the file that the page names before it."""
    page = (project / "docs" / "channels.md").read_text(encoding="utf-8")
    examples = re.findall(r"`([\w/]+\.py)`[^`]*```python\n(.*?)```", page, re.DOTALL)
    for name, text in [("examples/__init__.py", ""), *examples]:
        file = project / name
        file.parent.mkdir(exist_ok=True)
        with file.open("a", encoding="utf-8") as written:
            written.write(text)
    edit(
        project / "config" / "urls.py",
        "urlpatterns = [\n",
        "from examples.views import announce\n\nurlpatterns = [\n"
        '    path("examples/announce/<slug:name>/", announce),\n',
    )
