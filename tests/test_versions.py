"""The oldest versions that are allowed of the packages whose insides realtime/servers/ uses."""

import asyncio
import re
from pathlib import Path

import pytest

from tests.conftest import Bake
from tests.conversations import received
from tests.environment import BIN, install, requirements
from tests.projects import Server, run, served
from tests.test_revocation import everything
from tests.wire import opened

PACKAGES = ("autobahn", "daphne", "twisted", "uvicorn", "websockets")
SIGN_IN = """
from accounts.models import User
from chat.actions import create_room
from realtime.testing import session_key_of

ada = User.objects.create(username="ada", email="ada@example.com")
create_room(ada, name="General")
print(session_key_of(ada))
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter with the oldest of these packages, and the newest of all others."""
    folder = tmp_path_factory.mktemp("oldest")
    bounds = dict(re.findall(r"^([a-z]+)>=([0-9.]+),", "\n".join(requirements()), re.MULTILINE))
    oldest = [f"{name}=={bounds[name]}" for name in PACKAGES]
    install([*requirements(), *oldest], folder)
    return folder / BIN.name / "python"


@pytest.mark.parametrize("asgi_server", ["daphne", "uvicorn"])
def test_the_oldest_versions_lend_their_transports(
    bake: Bake, python: Path, asgi_server: str
) -> None:
    project = bake(asgi_server=asgi_server)
    surroundings = served(SECRET_KEY="of the oldest " * 5)
    assert run([python, "manage.py", "migrate"], project, **surroundings).returncode == 0
    shell: list[str | Path] = [
        python,
        "manage.py",
        "shell",
        "--verbosity",
        "0",
        "--command",
        SIGN_IN,
    ]
    session = run(shell, project, **surroundings).stdout.split()[-1]

    async def scene(server: Server) -> None:
        path = "/ws/chat/general/"
        async with opened(server.websocket_url, path, session) as client:
            await received(client, "welcome")
            for number in range(10):
                await (await client.ping(b"%d" % number))
                await client.send(['{"id": "1", ', '"type": "typing"}'])
                await received(client, "ok")
            stopped = asyncio.create_task(asyncio.to_thread(server.stop))
            assert (await everything(client))[1] == 1012
            await stopped

    with Server(python, project, surroundings) as server:
        asyncio.run(scene(server))
        assert server.process
        assert server.process.returncode == 0, server.log
        assert "WARNING" not in server.log
