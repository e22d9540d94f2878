"""A bake where its surroundings are unusual or wrong: variables, folders, hosts, neighbours."""

import json
import re
import shutil
import subprocess
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPCookieProcessor, Request, build_opener, urlopen

import pytest

from tests.conftest import Bake, Manage, Prepare
from tests.hooks import questions
from tests.projects import Server, run, served
from tests.services import Redis, end, free_port, wait_for
from tests.wire import Json

FOLDERS = ["100%41", "a #b", "a?b", "d é", "a&b'c"]
GOOD = {
    "DEBUG": "",
    "SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "DOMAIN": "chat.example.com",
    "BEHIND_PROXY": "true",
    "EMAIL_URL": "smtp+tls://user:password@mail.example.com:587",
}
FOREIGN = {
    "uvicorn": "uvicorn --port {port} config.asgi:application",
    "daphne": "daphne --port {port} config.asgi:application",
    "hypercorn": "hypercorn --bind 127.0.0.1:{port} config.asgi:application",
    "granian": "granian --interface asgi --port {port} config.asgi:application",
}
PASSWORD = "correct horse battery staple"
MAKE_ADA = f"""
from accounts.models import User
User.objects.create_user("ada", "ada@example.com", "{PASSWORD}")
"""


@pytest.fixture(scope="module")
def project(bake: Bake) -> Path:
    return bake(asgi_server="uvicorn")


@pytest.mark.parametrize("command", FOREIGN.values(), ids=FOREIGN)
def test_a_wrong_variable_ends_any_server_in_its_line(
    project: Path, python: Path, command: str
) -> None:
    program, *arguments = command.format(port=free_port()).split()
    done = run([python.with_name(program), *arguments], project, DEBUG="ture", WEB_CONCURRENCY="0")
    assert "DEBUG cannot be 'ture': write true or false.\n" in done.stdout
    assert "WEB_CONCURRENCY cannot be '0': write a whole number from 1 to 500.\n" in done.stdout
    assert "Traceback" not in done.stdout


def test_a_good_environment_has_no_warning_and_is_ready(
    project: Path, python: Path, manage: Manage, redis: Redis, postgres_url: str
) -> None:
    shutil.rmtree(project / "staticfiles", ignore_errors=True)
    good = {**GOOD, "DATABASE_URL": postgres_url, "REDIS_URL": redis.url}
    refused = run([python, "manage.py", "release"], project, **good)
    assert refused.returncode == 1
    assert refused.stdout.startswith("CommandError: Static files are not collected as they are now")
    assert refused.stdout.count("\n") == 1

    with Server(python, project, served(**good)) as server:
        assert readiness(server)["ready"] is False

    manage(project, "collectstatic", "--no-input", **good)
    manage(project, "release", **good)
    manage(project, "check", "--deploy", "--fail-level", "WARNING", **good)
    with Server(python, project, served(**good)) as server:
        expected = ["database", "layer", "tasks", "redis", "static"]
        assert readiness(server) == {"ready": True, **dict.fromkeys(expected, "ok")}


@pytest.mark.parametrize("name", FOLDERS)
def test_a_project_may_be_in_any_folder(
    bake: Bake, python: Path, prepare: Prepare, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / name
    folder.mkdir()
    project = bake(into=folder)
    prepare(project)
    files = [path.relative_to(folder) for path in tmp_path.rglob("*.sqlite3")]
    assert files == [Path("parlour/db.sqlite3")]
    with Server(python, project, served()) as server:
        page = urlopen(f"{server.url}/accounts/login/").read().decode()
        style = re.findall(r'href="(/static/[^"]+\.css)"', page)[0]
        assert urlopen(f"{server.url}{style}").status == 200


@pytest.fixture(params=questions()["asgi_server"])
def asgi_server(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize(("host", "addresses"), [("::", ["::1", "127.0.0.1"]), ("::1", ["::1"])])
def test_a_server_listens_on_ipv6(
    bake: Bake,
    python: Path,
    manage: Manage,
    asgi_server: str,
    host: str,
    addresses: list[str],
) -> None:
    project = bake(asgi_server=asgi_server)
    manage(project, "migrate")
    port = free_port()
    place = {"HOST": host, "PORT": str(port)}
    environment = served(ALLOWED_HOSTS="[::1],127.0.0.1", **place)
    command = [str(python), "manage.py", "serve"]
    with subprocess.Popen(command, cwd=project, env=environment, stdout=subprocess.PIPE) as server:
        try:
            probe = [str(python), "-m", "operations.probe", "/readyz"]
            wait_for(lambda: run(probe, project, **place).returncode == 0, "the server", server)
            for address in addresses:
                with closing(HTTPConnection(address, port, timeout=10)) as connection:
                    connection.request("GET", "/metrics")  # for private addresses
                    assert connection.getresponse().status == 200
            smoke = run([python, "-m", "operations.smoke", f"http://[::1]:{port}"], project)
            assert smoke.returncode == 0, smoke.stdout
        finally:
            end(server)
        assert server.stdout
        assert f"1 process: http://[{host}]:{port}/" in server.stdout.read().decode()
    assert server.returncode == 0


def test_two_sites_on_one_host_do_not_sign_each_other_out(
    bake: Bake, python: Path, manage: Manage
) -> None:
    jar = CookieJar()  # which, as browsers, takes no notice of ports
    with ExitStack() as stack:
        one, other = (
            stack.enter_context(Server(python, with_ada(bake, manage, name), served()))
            for name in ("Parlour", "Lounge")
        )
        for site in (one, other):
            submit(jar, f"{site.url}/accounts/login/", login="ada", password=PASSWORD)
        assert {cookie.name for cookie in jar} == {
            "parlour_sessionid",
            "parlour_sessionid_known",
            "parlour_csrftoken",
            "lounge_sessionid",
            "lounge_sessionid_known",
            "lounge_csrftoken",
        }
        assert [where(jar, site) for site in (one, other)] == ["/", "/"]
        submit(jar, f"{one.url}/accounts/logout/")
        assert [where(jar, site) for site in (one, other)] == ["/accounts/login/", "/"]


def with_ada(bake: Bake, manage: Manage, name: str) -> Path:
    project = bake(project_name=name)
    manage(project, "migrate")
    manage(project, "shell", "-c", MAKE_ADA)
    return project


def submit(jar: CookieJar, url: str, **fields: str) -> None:
    """Send the form of a page."""
    browser = build_opener(HTTPCookieProcessor(jar))
    page = browser.open(url).read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    assert token, page
    data = urlencode({"csrfmiddlewaretoken": token[1], **fields}).encode()
    browser.open(Request(url, data, {"Referer": url}))


def where(jar: CookieJar, site: Server) -> str:
    """The path that the start page leads to."""
    address: str = build_opener(HTTPCookieProcessor(jar)).open(f"{site.url}/").url
    return urlsplit(address).path


def readiness(server: Server) -> Json:
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=10)) as connection:
        connection.request("GET", "/readyz")
        found: Json = json.loads(connection.getresponse().read())
    return found
