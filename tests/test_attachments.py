"""Files in messages, in real processes: uploads that end half-way, full disks, killed workers, an
object store that goes away, and two people at their browsers."""

import asyncio
import csv
import io
import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, StorageState, expect

from tests.conftest import Bake, Manage, Prepare, Serve
from tests.conversations import until
from tests.people import Person
from tests.programs import program
from tests.projects import Server, served
from tests.services import answers, end, free_port, wait_for
from tests.sites import Site, tail
from tests.test_tasks import JOBS, launched, wait_for_lines
from tests.wire import Json, RoomClient

THUMBNAILS = "python manage.py runworker thumbnail.generate"
OTHERS = "python manage.py runworker tasks"
MIB = 1_048_576
AWAY = "Files cannot be stored or read just now. Please try again later."
FULL = "The site has no room to store this. Please try again later."

SENT = """
import json
from io import BytesIO
from django.core.files.base import ContentFile
from PIL import Image
from accounts.models import User
from chat import actions
from realtime.testing import session_key_of

ada = User.objects.create(username="ada", email="ada@example.com")
room = actions.create_room(ada, name="Pictures")
written = BytesIO()
Image.new("RGB", {size}).save(written, "PNG")
file = actions.upload(room, ada, ContentFile(written.getvalue(), "large.png"))
actions.post_message(room, ada, client_id="a1", attachments=[file.id])
"""
PEOPLE = """
import json
from accounts.models import User
from chat import actions
from realtime.testing import session_key_of

ada = User.objects.create(username="ada", email="ada@example.com")
room = actions.create_room(ada, name="Pictures")
print(json.dumps(session_key_of(ada)))
"""
CHECK = """
from operations.checks import check_storage

print(*(f"{each.id} {each.msg}" for each in check_storage(None)), sep="\\n")
"""


def upload(
    server: Server, project: Path, token: str, room: str, folder: Path, content: bytes
) -> tuple[int, Json]:
    """Upload a file as docs/attachments.md has it."""
    page = (project / "docs/attachments.md").read_text("utf-8")
    (command,) = re.findall(r"```sh\n(curl .*)\n```", page)
    (folder / "cat.jpg").write_bytes(content)
    command = command.replace(
        "https://chat.example.com/rooms/general", f"{server.url}/rooms/{room}"
    )
    done = subprocess.run(
        ["bash", "-c", f"{command} --silent --show-error --write-out '\n%{{http_code}}'"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "TOKEN": token, "NO_PROXY": "*"},
        capture_output=True,
        text=True,
        check=True,
    )
    body, _, status = done.stdout.rpartition("\n")
    return int(status), json.loads(body) if body.startswith("{") else {"detail": body.strip()}


def get(server: Server, token: str, path: str) -> tuple[int, bytes]:
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=30)) as connection:
        connection.request("GET", path, headers={"X-Session-Token": token})
        answer = connection.getresponse()
        return answer.status, answer.read()


def picture(size: tuple[int, int] = (1600, 1200), kind: str = "JPEG") -> bytes:
    written = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(written, kind)
    return written.getvalue()


def files(project: Path) -> list[str]:
    """What is kept of what people uploaded."""
    folder = project / "media/attachments"
    return sorted(file.name for file in folder.iterdir()) if folder.exists() else []


def complaints(log: str) -> list[str]:
    """The lines that are no requests; there must be no traceback among them."""
    assert "Traceback" not in log, log
    return [line for line in log.splitlines() if re.search("WARNING|ERROR|CRITICAL", line)]


# Uploads that fail


@pytest.fixture(scope="module")
def server(site: Site) -> Iterator[Server]:
    with site.serving(TASKS_IN_WEB="false") as server:
        yield server


def test_an_upload_that_is_cut_off_leaves_nothing(
    site: Site, server: Server, tmp_path: Path
) -> None:
    room, ada, written = site.new_room(), site.people[0], tail(server)
    before, temporary = files(site.project), open_files(server)
    head = (
        f"POST /rooms/{room}/attachments/ HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
        f"X-Session-Token: {ada.session}\r\nContent-Length: {8 * MIB}\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
        '--b\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n'
    )
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(head.encode() + b"x" * 4 * MIB)
        wait_for(lambda: open_files(server) > temporary, "The file in which it arrives")
    wait_for(lambda: open_files(server) == temporary, "The end of that file")

    status, told = upload(server, site.project, ada.session, room, tmp_path, b"hello")
    assert status == 201
    assert files(site.project) == sorted([*before, told["id"]])
    room_id = f"(SELECT id FROM chat_room WHERE slug = '{room}')"
    assert site.rows(f"SELECT name FROM chat_attachment WHERE room_id = {room_id}") == [["cat.jpg"]]
    assert complaints(written()) == []


def test_a_file_that_is_too_large_is_refused(site: Site, server: Server, tmp_path: Path) -> None:
    room, ada = site.new_room(), site.people[0]
    large = b"x" * (20 * MIB + 1)
    status, told = upload(server, site.project, ada.session, room, tmp_path, large)
    assert (status, told["detail"]) == (413, "The request is too large. Please send less.")
    largest = b"x" * (20 * MIB - 1024)
    status, _ = upload(server, site.project, ada.session, room, tmp_path, largest)
    assert status == 201


@pytest.mark.parametrize("disk", ["where files are kept", "where they arrive"])
def test_a_full_disk_is_said_in_one_line_and_loses_no_message(
    site: Site, tmp_path: Path, disk: str
) -> None:
    kept = disk == "where files are kept"
    small = site.project / "media" if kept else tmp_path / "small"
    small.mkdir(exist_ok=True)
    room, ada = site.new_room(), site.people[0]
    surroundings = {"EMAIL_URL": "dummymail://"} | ({} if kept else {"TMPDIR": str(small)})
    with full(small), site.serving(**surroundings) as server:
        written = tail(server)
        status, told = upload(server, site.project, ada.session, room, tmp_path, b"x" * 4 * MIB)
        assert (status, told["detail"]) == (503, AWAY) if kept else (507, FULL)
        (line,) = complaints(written())
        assert '"ERROR"' in line
        assert files(site.project) == [] or not kept

        asyncio.run(say(server, room, ada.session, 20))
        status, _ = upload(server, site.project, ada.session, room, tmp_path, b"it fits")
        assert status == 201
        assert "Traceback" not in written()
    room_id = f"(SELECT id FROM chat_room WHERE slug = '{room}')"
    assert site.rows(f"SELECT size FROM chat_attachment WHERE room_id = {room_id}") == [["7"]]


@contextmanager
def full(folder: Path) -> Iterator[None]:
    """A disk of 2 MiB at this place."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def open_files(server: Server) -> int:
    """How many files without a name the server has open, such as a body that arrives."""
    assert server.process
    links = Path(f"/proc/{server.process.pid}/fd").iterdir()
    return sum("/tmp/#" in target or "(deleted)" in target for target in map(target_of, links))


def target_of(link: Path) -> str:
    try:
        return os.readlink(link)
    except OSError:
        return ""


async def say(server: Server, room: str, session: str, count: int) -> None:
    async with RoomClient([server.websocket_url], room, session) as client:
        sent = [client.say(f"line {number}") for number in range(count)]
        await until(lambda: not client.waiting and len(client.messages) >= count, "The messages")
        assert [each["client_id"] for each in client.messages.values()] == sent


# Workers


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_thumbnail_is_made_once_whatever_becomes_of_its_workers(
    bake: Bake, python: Path, manage: Manage, postgres_url: str, tmp_path: Path, database: str
) -> None:
    project = bake()
    url = postgres_url if database == "postgresql" else f"sqlite:///{tmp_path}/site.sqlite3"
    limits = json.dumps({"TASK_LEASE_SECONDS": 6})
    surroundings = served(DATABASE_URL=url, REALTIME=limits)
    manage(project, "migrate", **surroundings)
    manage(project, "shell", "-c", SENT.format(size=(4400, 4400)), **surroundings)

    def state() -> list[str]:
        (row,) = rows(
            url, "SELECT status, attempts FROM realtime_taskrow WHERE path LIKE '%thumb%'"
        )
        return [str(each) for each in row]

    # A worker of the other tasks leaves it alone.
    file = tmp_path / "written"
    call = f"jobs.write.enqueue({str(file)!r}, 'other')"
    manage(project, "shell", "-c", f"{JOBS}{call}", **surroundings)
    with launched(python, project, surroundings, OTHERS) as worker:
        wait_for_lines(worker, file, ["other begun", "other done"])
    assert state() == ["READY", "0"]

    with launched(python, project, surroundings, THUMBNAILS) as worker:
        wait_for(lambda: state() == ["RUNNING", "1"], "The task", worker.process)
        worker.kill()
    assert state() == ["RUNNING", "1"]
    assert rows(url, "SELECT rev FROM chat_message") == [["1"]]

    with launched(python, project, surroundings, THUMBNAILS, count=2) as worker:
        wait_for(lambda: state() == ["SUCCESSFUL", "2"], "The task", worker.process)
    assert rows(url, "SELECT seq, rev FROM chat_message") == [["1", "2"]]
    assert rows(url, "SELECT last_rev FROM chat_room") == [["2"]]
    (kept, thumbnail) = files(project)
    assert thumbnail == f"{kept}.thumbnail"
    with Image.open(project / "media/attachments" / thumbnail) as small:
        assert (small.format, small.size) == ("WEBP", (640, 640))


def rows(url: str, query: str) -> list[list[str]]:
    """What the database answers to a query."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), timeout=20)) as connection:
            return [[str(each) for each in row] for row in connection.execute(query)]
    command = [program("psql"), "--no-psqlrc", "--tuples-only", "--csv", "--command", query, url]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return list(csv.reader(io.StringIO(done.stdout)))


# An object store


class Store:
    """An S3 server with one bucket."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"s3+http://key:se%2Fcret@127.0.0.1:{self.port}/bucket?region=eu-central-1"
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Store":
        program = str(Path(sys.executable).with_name("moto_server"))
        self.process = subprocess.Popen(
            [program, "-p", str(self.port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_for(lambda: answers(self.port), "moto_server", self.process)
        self.ask("PUT")
        return self

    def __exit__(self, *_: object) -> None:
        end(self.process)

    def ask(self, method: str = "GET") -> str:
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            connection.request(method, "/bucket")
            return connection.getresponse().read().decode()

    def names(self) -> list[str]:
        return sorted(re.findall("<Key>attachments/(.*?)</Key>", self.ask()))


def test_files_are_kept_in_an_object_store_which_may_go_away(
    bake: Bake, manage: Manage, serve: Serve, postgres_url: str, redis_url: str, tmp_path: Path
) -> None:
    project = bake()
    with Store() as store:
        surroundings: Any = {
            "DATABASE_URL": postgres_url,
            "REDIS_URL": redis_url,
            "STORAGE_URL": store.url,
            "EMAIL_URL": "dummymail://",
        }
        server = serve(project, **surroundings)
        assert manage(project, "shell", "-v0", "-c", CHECK, **served(**surroundings)).strip() == ""
        wrong = surroundings | {"STORAGE_URL": store.url.replace("bucket", "other")}
        line = manage(project, "shell", "-v0", "-c", CHECK, **served(**wrong)).strip()
        assert line.startswith("operations.E006 STORAGE_URL leads to no bucket that the site may")
        assert "\n" not in line

        token = json.loads(manage(project, "shell", "-v0", "-c", PEOPLE, **served(**surroundings)))
        content, written = picture(), tail(server)
        status, told = upload(server, project, token, "pictures", tmp_path, content)
        assert (status, told["type"]) == (201, "image/jpeg")
        names = [told["id"], f"{told['id']}.thumbnail"]
        wait_for(lambda: store.names() == names, "The thumbnail", server.process)
        shown = "SELECT has_thumbnail FROM chat_attachment"
        wait_for(lambda: rows(postgres_url, shown) == [["t"]], "Its row", server.process)
        assert get(server, token, told["url"]) == (200, content)
        status, small = get(server, token, f"{told['url']}thumbnail/")
        assert Image.open(io.BytesIO(small)).size == (640, 480)
        assert files(project) == []

        message = asyncio.run(send(server, "pictures", token, told["id"]))
        assert message["attachments"][0]["thumbnail"] == f"{told['url']}thumbnail/"
        asyncio.run(send(server, "pictures", token, delete=message["seq"]))
        wait_for(lambda: store.names() == [], "The deletion", server.process)
        assert complaints(written()) == []

        _, kept = upload(server, project, token, "pictures", tmp_path, b"hello")
        wait_for(lambda: store.names() == [kept["id"]], "The file", server.process)

    written = tail(server)
    status, told = upload(server, project, token, "pictures", tmp_path, content)
    assert (status, told["code"]) == (503, "unavailable")
    assert get(server, token, kept["url"])[0] == 503
    assert len(complaints(written())) == 2
    asyncio.run(say(server, "pictures", token, 10))


async def send(server: Server, room: str, session: str, pk: str = "", *, delete: int = 0) -> Json:
    """Send a file, or delete a message."""
    async with RoomClient([server.websocket_url], room, session) as client:
        await until(lambda: client.joined, "The room")
        if delete:
            reply = await client.request("message.delete", {"seq": delete})
        else:
            reply = await client.request("message.send", {"client_id": "a1", "attachments": [pk]})
        data: Json = reply["data"]
        return data


# Browsers


def test_a_picture_that_one_sends_the_other_sees_at_once(
    bake: Bake, prepare: Prepare, python: Path, redis_url: str, browser: Browser
) -> None:
    project = bake()
    surroundings = served(REDIS_URL=redis_url, TASKS_IN_WEB="false")
    prepare(project, "seed_demo --force", **surroundings)
    sessions: dict[str, StorageState] = {}
    with Server(python, project, surroundings) as server:
        ada = Person(browser, server, "ada", sessions)
        grace = Person(browser, server, "grace", sessions, phone=True)
        room = ada.make_room("Pictures")
        grace.enter(room)
        choose(ada, "holiday.jpg", picture())
        ada.say("Look at this")
        image = grace.message("Look at this").get_by_role("img", name="holiday.jpg")
        expect(image).to_be_visible()
        expect(image).not_to_have_attribute("src", re.compile("."))
        before = image.bounding_box()

        with launched(python, project, surroundings, THUMBNAILS):
            expect(image).to_have_attribute("src", re.compile("/thumbnail/$"))
            grace.page.wait_for_function(
                "image => image.naturalWidth === 640", arg=image.element_handle()
            )
        assert image.bounding_box() == before  # nothing has moved
        shots(ada, grace, "picture")

        ada.lose_the_connection()
        ada.context.set_offline(False)  # files go by HTTP; the socket stays cut
        choose(ada, "notes.txt", b"hello")
        choose(ada, "page.html", b"<script>alert(1)</script>")
        ada.box.press("Enter")
        expect(ada.page.get_by_label("Waiting to be sent").get_by_text("notes.txt")).to_be_visible()
        ada.find_the_connection()
        link = grace.page.locator("[data-seq]").get_by_role("link", name="page.html")
        with grace.page.expect_download() as download:
            link.click()
        assert download.value.path().read_bytes() == b"<script>alert(1)</script>"
        assert download.value.suggested_filename == "page.html"
        shots(ada, grace, "files")
        for person in (ada, grace):
            person.context.close()
        assert (ada.complaints, grace.complaints) == ([], [])


def choose(person: Person, name: str, content: bytes) -> None:
    """Attach a file, and wait until it is uploaded."""
    file: Any = {"name": name, "mimeType": "", "buffer": content}
    person.page.get_by_label("Files", exact=True).set_input_files(file)
    listed = person.page.get_by_label("Files to send").get_by_role("listitem").filter(has_text=name)
    expect(listed).to_be_visible()
    expect(listed.get_by_role("progressbar")).to_be_hidden()


def shots(ada: Person, grace: Person, name: str) -> None:
    """Pictures for whoever wants to look at them: SHOTS names a folder."""
    if folder := os.environ.get("SHOTS"):
        for person in (ada, grace):
            person.page.screenshot(path=f"{folder}/{name}-{person.username}.png")
