"""The pictures that people are seen by."""

import re
from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from accounts.forms import set_portrait
from accounts.models import Portrait, User
from accounts.pictures import portrait

PROFILE = "/settings/profile/"
CHANGE = "/settings/picture/"


@pytest.fixture
def browser(ada: User) -> Client:
    client = Client()
    client.force_login(ada)
    return client


def file(content: bytes, name: str = "me.png") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def striped() -> bytes:
    """A wide picture, red at its ends and blue in its middle."""
    image = Image.new("RGB", (900, 300), "red")
    image.paste("blue", (300, 0, 600, 300))
    written = BytesIO()
    image.save(written, "PNG")
    return written.getvalue()


def test_the_square_in_the_middle_is_shown_in_place_of_initials(browser: Client, ada: User) -> None:
    assert browser.post(CHANGE, {"picture": file(striped())})["Location"] == PROFILE
    ada.refresh_from_db()
    url = f"/portraits/{ada.portrait}/"
    assert ada.as_person().get("picture") == url
    assert f'<image href="{url}"' in browser.get(PROFILE).content.decode()
    picture = browser.get(url)
    assert picture["Content-Type"] == "image/webp"
    assert picture["Cache-Control"] == "private, max-age=31536000, immutable"
    shown = Image.open(BytesIO(picture.content)).convert("RGB")
    assert shown.size == (256, 256)
    for place in ((3, 3), (128, 128), (252, 252)):
        red, _, blue = shown.getpixel(place)  # type: ignore[misc]  # three bands
        assert blue > 200 > red


def test_another_picture_has_another_address(browser: Client, ada: User) -> None:
    codes = []
    for _ in range(2):
        browser.post(CHANGE, {"picture": file(striped())})
        codes.append(Portrait.objects.get().code)
    assert browser.get(f"/portraits/{codes[0]}/").status_code == 404
    assert browser.get(f"/portraits/{codes[1]}/").status_code == 200


def test_a_picture_is_removed(browser: Client, ada: User) -> None:
    browser.post(CHANGE, {"picture": file(striped())})
    browser.post(CHANGE, {"remove": ""})
    ada.refresh_from_db()
    assert "picture" not in ada.as_person()
    assert not Portrait.objects.exists()


@pytest.mark.parametrize(
    "content", [b"", b"<svg onload='alert(1)'/>", b"GIF89a", b"\x89PNG\r\n\x1a\n" + b"\x00" * 99]
)
def test_what_is_no_picture_is_refused_and_the_one_before_stays(
    browser: Client, ada: User, content: bytes
) -> None:
    set_portrait(ada, b"before")
    page = browser.post(CHANGE, {"picture": file(content)})
    assert list(page.context["portrait_form"].errors) == ["picture"]
    assert bytes(Portrait.objects.get().content) == b"before"


def test_without_a_file_nothing_is_changed(browser: Client, ada: User) -> None:
    set_portrait(ada, b"before")
    assert list(browser.post(CHANGE).context["portrait_form"].errors) == ["picture"]
    assert Portrait.objects.exists()


def test_after_a_refused_picture_the_page_still_saves_the_profile(
    browser: Client, ada: User
) -> None:
    page = browser.post(CHANGE, {"picture": file(b"x")}).content.decode()
    form = re.search(r'action="([^"]+)">(?:(?!</form>).)*name="display_name"', page, re.DOTALL)
    assert form is not None
    assert form[1] == "/settings/profile/"
    assert browser.get(CHANGE)["Location"] == "/settings/profile/"


def test_a_picture_that_was_read_is_read_from_its_beginning() -> None:
    content = BytesIO(striped())
    content.read()
    assert portrait(content).startswith(b"RIFF")


def test_pictures_are_for_who_is_signed_in_and_go_with_their_person(
    browser: Client, bob: User
) -> None:
    set_portrait(bob, b"a picture")
    url = f"/portraits/{bob.portrait}/"
    assert browser.get(url).content == b"a picture"
    assert Client().get(url).status_code == 401
    assert Client().post(CHANGE)["Location"].startswith("/accounts/login/")
    bob.delete()
    assert browser.get(url).status_code == 404


def test_staff_remove_a_picture(admin_client: Client, ada: User, bob: User) -> None:
    for person in (ada, bob):
        set_portrait(person, b"a picture")
    admin_client.post(f"/admin/accounts/portrait/{ada.pk}/delete/", {"post": "yes"})
    assert not User.objects.get(pk=ada.pk).portrait
    many = {"action": "delete_selected", "_selected_action": [bob.pk], "post": "yes"}
    admin_client.post("/admin/accounts/portrait/", many)
    assert not User.objects.get(pk=bob.pk).portrait
    assert not Portrait.objects.exists()
