"""Files in messages: uploading, sending, thumbnails, giving them out, and dropping them."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from typing import IO, Any
from unittest.mock import Mock
from uuid import UUID, uuid4
from zlib import compress, crc32

import pytest
from django.core.files.storage import InMemoryStorage, default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import StreamingHttpResponse
from django.test import Client
from django.utils import timezone
from PIL import Image, ImageFile

from accounts import pictures
from accounts.models import User
from chat import actions
from chat.actions import attachments
from chat.actions.attachments import generate_thumbnail, prune_attachments
from chat.frames import AttachmentData, MessageData
from chat.models import Attachment, Message, Room
from chat.tests.conftest import Published, Say, refused
from realtime.protocol import ErrorCode, Refusal
from realtime.tasks import TaskResultStatus, run_due
from realtime.tasks.models import TaskRow
from realtime.testing import session_key_of

pytestmark = pytest.mark.django_db

Upload = Callable[..., AttachmentData]

HTML = b"<script>alert(document.cookie)</script>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
DAY = timedelta(days=1)


def picture(size: tuple[int, int] = (40, 20), kind: str = "PNG", **options: Any) -> bytes:
    written = BytesIO()
    Image.new("RGB", size, "navy").save(written, kind, **options)
    return written.getvalue()


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = "Ada's secret place"
    return exif


@pytest.fixture(autouse=True)
def store(monkeypatch: pytest.MonkeyPatch) -> InMemoryStorage:
    """An empty store."""
    empty = InMemoryStorage()
    monkeypatch.setattr(default_storage, "_wrapped", empty)
    return empty


@pytest.fixture
def upload() -> Upload:
    def upload(
        room: Room, user: User, content: bytes = b"hello", name: str = "notes.txt"
    ) -> AttachmentData:
        return actions.upload(room, user, SimpleUploadedFile(name, content))

    return upload


def names(store: InMemoryStorage) -> list[str]:
    return sorted(store.listdir("attachments")[1]) if store.exists("attachments") else []


def as_native(user: User) -> Client:
    return Client(headers={"X-Session-Token": session_key_of(user)})


def read(response: Any) -> bytes:
    async def read() -> bytes:
        return b"".join([chunk async for chunk in response])

    assert isinstance(response, StreamingHttpResponse), response.content
    return asyncio.run(read())


# Uploading


def test_a_member_uploads_a_file_and_sends_it(
    ada: User, bob: User, public: Room, published: Published
) -> None:
    form = {"file": SimpleUploadedFile("notes.txt", b"hello", "text/html")}
    response = as_native(ada).post("/rooms/general/attachments/", form)
    assert response.status_code == 201
    told = response.json()
    pk = told["id"]
    assert told == {
        "id": pk,
        "name": "notes.txt",
        "type": "application/octet-stream",
        "size": 5,
        "width": None,
        "height": None,
        "url": f"/attachments/{pk}/",
        "thumbnail": None,
    }

    message = actions.post_message(public, ada, client_id="a1", attachments=[UUID(pk)])
    assert (message.body, [str(each.id) for each in message.attachments]) == ("", [pk])
    assert published.last("message.created")["data"]["attachments"] == [told]
    assert read(as_native(bob).get(told["url"])) == b"hello"


def test_a_browser_uploads_with_its_csrf_token(ada: User, public: Room) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(ada)

    def upload(**headers: str) -> int:
        form = {"file": SimpleUploadedFile("a.txt", b"a")}
        return browser.post("/rooms/general/attachments/", form, headers=headers).status_code

    assert upload() == 403
    browser.get("/rooms/general/")
    assert upload(**{"X-CSRFToken": browser.cookies["csrftoken"].value}) == 201


def test_only_members_upload(ada: User, eve: User, public: Room, store: InMemoryStorage) -> None:
    def status(client: Client, path: str) -> int:
        return client.post(path, {"file": SimpleUploadedFile("a.txt", b"a")}).status_code

    assert status(Client(), "/rooms/general/attachments/") == 401
    assert status(as_native(eve), "/rooms/general/attachments/") == 403
    assert status(as_native(ada), "/rooms/nowhere/attachments/") == 404
    assert status(Client(headers={"X-Session-Token": "x"}), "/rooms/general/attachments/") == 401
    assert not Attachment.objects.exists()
    assert names(store) == []


def test_a_form_without_a_file_and_an_empty_file_are_refused(ada: User, public: Room) -> None:
    client = as_native(ada)
    for form in ({}, {"file": "text"}, {"file": SimpleUploadedFile("a.txt", b"")}):
        response = client.post("/rooms/general/attachments/", form)
        assert (response.status_code, response.json()["code"]) == (400, "invalid")


@pytest.mark.parametrize(
    ("content", "name", "expected"),
    [
        (picture(kind="PNG"), "a.png", ("image/png", 40, 20)),
        (picture(kind="JPEG"), "a.html", ("image/jpeg", 40, 20)),  # by its content
        (picture(kind="GIF"), "a", ("image/gif", 40, 20)),
        (picture(kind="WEBP"), "a.svg", ("image/webp", 40, 20)),
        (picture(kind="JPEG", exif=turned(6)), "a.jpg", ("image/jpeg", 20, 40)),
        (picture(kind="PNG", exif=turned(6)), "a.png", ("image/png", 20, 40)),
        (picture(kind="WEBP", exif=turned(6)), "a.webp", ("image/webp", 20, 40)),
        (picture(kind="BMP"), "a.bmp", ("application/octet-stream", None, None)),
        (HTML, "a.png", ("application/octet-stream", None, None)),
        (SVG, "a.svg", ("application/octet-stream", None, None)),
        (b"GIF89a" + HTML, "a.gif", ("application/octet-stream", None, None)),
        (picture(kind="WEBP")[:-4], "a.webp", ("application/octet-stream", None, None)),
        (b"\x89PNG\r\n\x1a\n", "a.png", ("application/octet-stream", None, None)),
    ],
)
def test_the_content_decides_what_a_file_is(
    ada: User, public: Room, upload: Upload, content: bytes, name: str, expected: object
) -> None:
    data = upload(public, ada, content, name)
    if content.startswith(b"GIF89a"):  # its head may be read as one: then only its body is none
        run_due()
        data = Attachment.objects.get().as_data()
    assert (data.type, data.width, data.height) == expected


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("a\r\nSet-Cookie: x=1.txt", "a Set-Cookie: x=1.txt"),
        ("\u202egpj.exe", "gpj.exe"),
        ("Grüße \U0001f388.txt", "Grüße \U0001f388.txt"),
        ("  a   b.txt ", "a b.txt"),
        ("\x00", "file"),
        ("x" * 300 + ".jpeg", "x" * 115 + ".jpeg"),
    ],
)
def test_a_name_is_one_plain_line_and_no_path(
    ada: User, public: Room, store: InMemoryStorage, name: str, kept: str
) -> None:
    boundary = "b"
    part = f'--b\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\nhello\r\n'
    if "\r" in name or "\x00" in name:  # which no form can carry
        data = actions.upload(public, ada, SimpleUploadedFile(name, b"hello"))
        pk, shown = data.id, data.name
    else:
        response = as_native(ada).post(
            "/rooms/general/attachments/",
            f"{part}--b--\r\n".encode(),
            content_type=f"multipart/form-data; boundary={boundary}",
        )
        assert response.status_code == 201, response.content
        pk, shown = response.json()["id"], response.json()["name"]
    assert shown == kept
    assert names(store) == [str(pk)]
    header = as_native(ada).get(f"/attachments/{pk}/")["Content-Disposition"]
    assert header.startswith("attachment; filename")
    assert "\n" not in header


def test_a_person_may_upload_so_much_a_day(
    ada: User, public: Room, settings: Any, store: InMemoryStorage
) -> None:
    settings.BUDGETS = {"uploads": [3, 86_400]}
    client = as_native(ada)

    def upload(size: int) -> int:
        form = {"file": SimpleUploadedFile("a.txt", b"a" * size)}
        return client.post("/rooms/general/attachments/", form).status_code

    assert [upload(1), upload(1_048_577), upload(1)] == [201, 201, 429]
    assert len(names(store)) == Attachment.objects.count() == 2


def test_nothing_is_left_of_a_file_that_cannot_be_stored(
    ada: User, public: Room, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(default_storage, "save", Mock(side_effect=OSError(28, "No space left")))
    form = {"file": SimpleUploadedFile("a.txt", b"a")}
    response = as_native(ada).post("/rooms/general/attachments/", form)
    assert (response.status_code, response.json()) == (
        503,
        {
            "code": "unavailable",
            "detail": "Files cannot be stored or read just now. Please try again later.",
        },
    )
    assert not Attachment.objects.exists()
    (line,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert "No space left" in line.message
    assert line.exc_info is None


# Sending


def test_a_retry_gets_the_first_message_with_its_files(
    ada: User, public: Room, upload: Upload
) -> None:
    ids = [upload(public, ada, name=name).id for name in ("b.txt", "a.txt")]
    first = actions.post_message(public, ada, client_id="a1", attachments=ids)
    assert [each.name for each in first.attachments] == ["b.txt", "a.txt"]
    assert actions.post_message(public, ada, client_id="a1", attachments=ids) == first
    assert Message.objects.count() == 1


def test_a_file_is_sent_once_by_who_uploaded_it_to_the_room_it_is_for(
    ada: User, bob: User, public: Room, private: Room, upload: Upload
) -> None:
    sent = upload(public, ada).id
    actions.post_message(public, ada, client_id="a1", attachments=[sent])
    wrong = [sent, upload(public, bob).id, upload(private, ada).id, uuid4()]
    for number, pk in enumerate(wrong):
        with refused(ErrorCode.NOT_FOUND):
            actions.post_message(public, ada, client_id=f"b{number}", attachments=[pk])
    assert Message.objects.count() == 1
    assert Attachment.objects.exclude(message=None).count() == 1


def test_two_messages_of_a_batch_cannot_have_one_file_and_others_are_left_alone(
    ada: User, bob: User, public: Room, upload: Upload
) -> None:
    pk = upload(public, ada).id
    drafts = [
        actions.Draft(public, ada.pk, "a1", "first", attachments=[pk, pk]),
        actions.Draft(public, ada.pk, "a2", "second", attachments=[pk]),
        actions.Draft(public, bob.pk, "b1", "third"),
        actions.Draft(public, ada.pk, "a3", ""),
    ]
    results = actions.post_messages(drafts)
    assert [each.code if isinstance(each, Refusal) else each.body for each in results] == [
        "first",
        "not_found",
        "third",
        "invalid",
    ]
    assert isinstance(results[0], MessageData)
    assert [each.id for each in results[0].attachments] == [pk]


def test_a_message_has_at_most_ten_files(ada: User, public: Room, upload: Upload) -> None:
    ids = [upload(public, ada).id for _ in range(11)]
    with refused(ErrorCode.TOO_LARGE):
        actions.post_message(public, ada, client_id="a1", attachments=ids)
    message = actions.post_message(public, ada, client_id="a2", attachments=ids[:10])
    assert [each.id for each in message.attachments] == ids[:10]


# Thumbnails


def test_a_thumbnail_is_the_next_revision_of_the_message(
    ada: User, bob: User, public: Room, upload: Upload, published: Published
) -> None:
    content = picture((2000, 1000), "JPEG", exif=turned(6), icc_profile=b"Ada's secret screen")
    data = upload(public, ada, content, "holiday.jpg")
    sent = actions.post_message(public, ada, client_id="a1", attachments=[data.id])
    assert sent.attachments[0].thumbnail is None

    assert run_due() == 1
    event = published.last("message.updated")
    assert (event["rev"], event["data"]["seq"], event["data"]["rev"]) == (2, 1, 2)
    (told,) = event["data"]["attachments"]
    assert (told["width"], told["height"]) == (1000, 2000)

    response = as_native(bob).get(told["thumbnail"])
    assert response["Content-Type"] == "image/webp"
    small = Image.open(BytesIO(read(response)))
    assert (small.format, small.size, dict(small.getexif())) == ("WEBP", (320, 640), {})
    assert b"secret" not in default_storage.open(f"attachments/{data.id}.thumbnail").read()


def test_a_thumbnail_that_is_made_before_the_message_comes_with_it(
    ada: User, public: Room, upload: Upload
) -> None:
    data = upload(public, ada, picture(), "a.png")
    run_due()
    message = actions.post_message(public, ada, client_id="a1", attachments=[data.id])
    assert message.attachments[0].thumbnail == f"/attachments/{data.id}/thumbnail/"
    assert message.rev == 1


def test_making_a_thumbnail_twice_is_harmless(
    ada: User, public: Room, upload: Upload, published: Published, store: InMemoryStorage
) -> None:
    data = upload(public, ada, picture(), "a.png")
    actions.post_message(public, ada, client_id="a1", attachments=[data.id])
    for _ in range(2):
        generate_thumbnail.call(str(data.id))
    assert published.types("chat:general").count("message.updated") == 1
    assert names(store) == [str(data.id), f"{data.id}.thumbnail"]


@pytest.mark.parametrize(
    "content",
    [
        picture((400, 400), "JPEG")[:-700],
        picture((400, 400), "PNG")[:-100],
    ],
    ids=["jpeg", "png"],
)
def test_a_damaged_picture_becomes_a_file_and_its_message_stays(
    ada: User,
    public: Room,
    upload: Upload,
    published: Published,
    caplog: pytest.LogCaptureFixture,
    content: bytes,
) -> None:
    data = upload(public, ada, content, "a.jpg")
    assert data.width == 400
    actions.post_message(public, ada, body="look", client_id="a1", attachments=[data.id])
    run_due()
    (told,) = published.last("message.updated")["data"]["attachments"]
    assert (told["type"], told["width"], told["thumbnail"]) == (
        "application/octet-stream",
        None,
        None,
    )
    assert read(as_native(ada).get(told["url"])) == content
    assert TaskRow.objects.get().status == TaskResultStatus.SUCCESSFUL
    (line,) = [record for record in caplog.records if "No thumbnail" in record.message]
    assert line.exc_info is None


@pytest.mark.parametrize("side", [5_000, 14_000])
def test_a_decompression_bomb_is_a_file_that_nobody_unpacks(
    ada: User, public: Room, upload: Upload, side: int
) -> None:
    written = BytesIO()
    Image.new("1", (side, side)).save(written, "PNG")
    data = upload(public, ada, written.getvalue(), "bomb.png")
    assert (data.type, data.width) == ("application/octet-stream", None)
    assert not TaskRow.objects.exists()
    with pytest.raises(pictures.NotAPicture):
        pictures.thumbnail(BytesIO(written.getvalue()))


@pytest.mark.parametrize("kind", ["GIF", "JPEG", "PNG", "WEBP"])
def test_an_upload_unpacks_no_pixel(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    content = BytesIO(picture(kind=kind))
    load = Mock()
    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    assert pictures.examine(content)[1:] == (40, 20)
    assert load.mock_calls == []


def test_nothing_is_reserved_for_a_gif_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    fill = Mock()
    monkeypatch.setattr("PIL.Image.core.fill", fill)
    side = b"\x28\x23"  # 9,000
    cleared_afterwards = b"\x21\xf9\x04\x09" + bytes(4)
    frame = b"\x2c" + bytes(4) + side * 2 + b"\0\x02\x02\x44\x01\0;"
    with pytest.raises(pictures.NotAPicture):
        pictures.examine(BytesIO(b"GIF89a" + side * 2 + bytes(3) + cleared_afterwards + frame))
    assert fill.mock_calls == []


def test_only_so_much_of_a_head_is_kept() -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        check = crc32(kind + data).to_bytes(4)
        return len(data).to_bytes(4) + kind + data + check

    png, jpeg = picture(), picture(kind="JPEG")
    texts = [b"%d\0\1\0\0\0" % each + compress(b"a" * 600_000) for each in (1, 2)]
    heads = [
        png[:33] + b"".join(chunk(b"iTXt", each) for each in texts) + png[33:],
        png[:33] + chunk(b"abCd", b"") * 100_000 + png[33:],
        jpeg[:2] + b"\xff\xe0\0\2" * 300_000 + jpeg[2:],
    ]
    for content in heads:
        with pytest.raises(pictures.NotAPicture):
            pictures.examine(BytesIO(content))
    assert pictures.examine(BytesIO(png[:33] + chunk(b"iTXt", texts[0]) + png[33:]))


def in_scans(size: tuple[int, int]) -> bytes:
    """A JPEG that is not progressive, with a scan of its own for each colour."""
    gray = BytesIO()
    Image.new("L", size).save(gray, "JPEG")
    content = gray.getvalue()
    frame, scan = content.index(b"\xff\xc0"), content.index(b"\xff\xda")
    colours = b"".join(bytes([each, 0x11, 0]) for each in (1, 2, 3))
    head = b"\xff\xc0\0\x11" + content[frame + 4 : frame + 9] + b"\x03" + colours
    scans = [
        content[scan : scan + 5] + bytes([each]) + content[scan + 6 : -2] for each in (1, 2, 3)
    ]
    return b"".join([content[:frame], head, content[frame + 13 : scan], *scans, b"\xff\xd9"])


def test_only_a_jpeg_of_one_scan_may_be_very_large() -> None:
    large = (5_000, 4_001)
    for content in (picture(large, "JPEG", progressive=True), in_scans(large)):
        for read in (pictures.examine, pictures.thumbnail):
            with pytest.raises(pictures.NotAPicture, match="20,000,000"):
                read(BytesIO(content))
    content = picture(large, "JPEG")
    assert pictures.examine(BytesIO(content)) == ("image/jpeg", 5_000, 4_001)
    assert pictures.thumbnail(BytesIO(content))
    assert pictures.thumbnail(BytesIO(in_scans((400, 400))))


def test_a_jpeg_has_only_so_many_scans() -> None:
    content = picture((400, 400), "JPEG", progressive=True)
    scans = content.split(b"\xff\xda")
    more = b"\xff\xda".join(scans[:-1] + [scans[-1].removesuffix(b"\xff\xd9")] * (65 - len(scans)))
    assert pictures.thumbnail(BytesIO(more + b"\xff\xda" + scans[-1]))
    with pytest.raises(pictures.NotAPicture, match="64 scans"):
        pictures.thumbnail(BytesIO(more + (b"\xff\xda" + scans[-1][:-2]) + b"\xff\xda" + scans[-1]))


def test_a_strip_that_is_not_unpacked_small_is_not_unpacked() -> None:
    written = BytesIO()
    Image.new("L", (50_000, 500)).save(written, "JPEG")
    with pytest.raises(pictures.NotAPicture, match="20,000,000"):
        pictures.thumbnail(BytesIO(written.getvalue()))


def test_a_picture_that_is_deleted_meanwhile_leaves_no_thumbnail(
    ada: User,
    public: Room,
    upload: Upload,
    store: InMemoryStorage,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = upload(public, ada, picture(), "a.png")
    sent = actions.post_message(public, ada, client_id="a1", attachments=[data.id])
    make = pictures.thumbnail

    def delete_first(file: IO[bytes]) -> bytes:
        made = make(file)
        actions.delete_message(public, ada, seq=sent.seq)
        prune_attachments.call()
        return made

    monkeypatch.setattr(pictures, "thumbnail", delete_first)
    generate_thumbnail.call(str(data.id))
    assert names(store) == []


# Giving out

UNKNOWN = "application/octet-stream"
STYLED = "; style-src 'unsafe-inline'"  # browsers style the page in which they show a picture


@pytest.mark.parametrize(
    ("content", "name", "kind", "disposition", "policy"),
    [
        (picture(), "a.png", "image/png", 'inline; filename="a.png"', STYLED),
        (HTML, "a.html", UNKNOWN, 'attachment; filename="a.html"', ""),
        (SVG, "a.svg", UNKNOWN, 'attachment; filename="a.svg"', ""),
        (b"x", 'a"b.txt', UNKNOWN, 'attachment; filename="a\\"b.txt"', ""),
        (b"x", "ä.txt", UNKNOWN, "attachment; filename*=utf-8''%C3%A4.txt", ""),
    ],
)
def test_nothing_is_given_out_as_active_content(
    ada: User,
    public: Room,
    upload: Upload,
    content: bytes,
    name: str,
    kind: str,
    disposition: str,
    policy: str,
) -> None:
    data = upload(public, ada, content, name)
    response = as_native(ada).get(data.url)
    assert read(response) == content
    assert {name: response[name] for name in response.headers if name != "X-Request-Id"} == {
        **{name: value for name, value in response.headers.items() if name.startswith("Vary")},
        "Content-Type": kind,
        "Content-Length": str(len(content)),
        "Content-Disposition": disposition,
        "Content-Security-Policy": f"sandbox; default-src 'none'{policy}",
        "Cache-Control": "private, max-age=86400, immutable",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }


def test_only_members_get_a_file(
    ada: User, bob: User, eve: User, private: Room, upload: Upload
) -> None:
    data = upload(private, ada, picture(), "a.png")
    run_due()
    actions.post_message(private, ada, client_id="a1", attachments=[data.id])
    for path in (data.url, f"{data.url}thumbnail/"):
        assert as_native(bob).get(path).status_code == 200
        assert as_native(eve).get(path).status_code == 404
        assert Client().get(path).status_code == 401
    actions.remove_member(private, ada, bob)
    assert as_native(bob).get(data.url).status_code == 404
    assert as_native(ada).get(f"/attachments/{uuid4()}/").status_code == 404


# Dropping


def test_a_deleted_message_takes_its_files_along(
    ada: User, bob: User, public: Room, upload: Upload, store: InMemoryStorage
) -> None:
    data = upload(public, ada, picture(), "a.png")
    sent = actions.post_message(public, ada, client_id="a1", attachments=[data.id])
    run_due()
    deleted = actions.delete_message(public, ada, seq=sent.seq)
    assert deleted.attachments == []
    assert as_native(bob).get(data.url).status_code == 404
    run_due()
    assert names(store) == []
    assert not Attachment.objects.exists()


def test_a_deleted_room_takes_its_files_along(
    ada: User, public: Room, upload: Upload, store: InMemoryStorage
) -> None:
    data = upload(public, ada)
    upload(public, ada)
    actions.post_message(public, ada, client_id="a1", attachments=[data.id])
    actions.delete_room(public)
    run_due()
    assert names(store) == []
    assert not Attachment.objects.exists()


def test_files_of_a_deleted_person_stay_with_their_messages(
    ada: User, bob: User, public: Room, upload: Upload
) -> None:
    data = upload(public, bob)
    actions.post_message(public, bob, client_id="b1", attachments=[data.id])
    bob.delete()
    run_due()
    assert read(as_native(ada).get(data.url)) == b"hello"


def test_what_was_never_sent_is_dropped_after_a_day(
    ada: User, public: Room, upload: Upload, store: InMemoryStorage
) -> None:
    old, fresh, sent = (upload(public, ada).id for _ in range(3))
    actions.post_message(public, ada, client_id="a1", attachments=[sent])
    Attachment.objects.filter(pk__in=[old, sent]).update(created_at=timezone.now() - DAY)
    attachments.enqueue_pruning()
    run_due()
    assert names(store) == sorted(map(str, [fresh, sent]))
    with refused(ErrorCode.NOT_FOUND):
        actions.post_message(public, ada, client_id="a2", attachments=[old])


def test_there_is_nothing_to_prune_in_an_ordinary_hour(
    ada: User, public: Room, upload: Upload
) -> None:
    upload(public, ada)
    attachments.enqueue_pruning()
    assert not TaskRow.objects.exists()


# Words


def test_a_message_without_words_is_named_where_words_are_shown(
    ada: User, public: Room, upload: Upload, say: Say
) -> None:
    from chat.queries import rooms_of

    actions.post_message(public, ada, client_id="a1", attachments=[upload(public, ada).id])
    (summary,) = rooms_of(ada)
    assert summary.last_message
    assert summary.last_message.body == "Sent a file."
