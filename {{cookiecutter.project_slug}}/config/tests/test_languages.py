"""The one language of a site: in its pages, its refusals and its scripts."""

import re

import pytest
from django.conf import settings as project
from django.test import Client
from django.utils.translation import gettext_lazy
from pytest_django import Settings

from realtime.protocol import ErrorCode, Refusal

pytestmark = pytest.mark.django_db

LOGIN = "/accounts/login/"
CATALOGUE = re.compile(r'<script src="(/texts/\w{12}\.js)" defer')


@pytest.fixture
def german(settings: Settings) -> None:
    settings.LANGUAGE_CODE = "de"


@pytest.mark.parametrize("code", [code for code, _ in project.LANGUAGES if code != "en"])
def test_each_language_has_its_catalogues(code: str) -> None:
    folder = project.LOCALE_PATHS[0] / code / "LC_MESSAGES"
    assert {"django.mo", "djangojs.mo"} <= {file.name for file in folder.iterdir()}


def test_an_english_page_loads_no_catalogue(client: Client) -> None:
    page = client.get(LOGIN).content.decode()
    assert '<html lang="en"' in page
    assert "/texts/" not in page


def test_another_page_names_its_language_and_its_catalogue(client: Client, german: None) -> None:
    page = client.get(LOGIN).content.decode()
    (address,) = CATALOGUE.findall(page)

    response = client.get(address)

    assert '<html lang="de"' in page
    assert response.headers["Content-Type"] == "text/javascript"
    assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert '"Reload": "Neu laden"' in response.content.decode()


def test_a_catalogue_of_another_version_is_not_kept(client: Client, german: None) -> None:
    response = client.get("/texts/0123456789ab.js")
    assert (response.status_code, response.headers["Cache-Control"]) == (200, "no-cache")


def test_a_browser_that_prefers_another_language_gets_the_sites(
    client: Client, german: None
) -> None:
    response = client.get("/nowhere/", headers={"Accept-Language": "en"})
    assert '<html lang="de"' in response.content.decode()


def test_a_refusal_is_in_the_sites_language(german: None) -> None:
    refusal = Refusal(ErrorCode.INVALID, gettext_lazy("You are not in this room."))
    assert type(refusal.detail) is str
    assert refusal.detail == str(refusal) == "Du bist nicht in diesem Raum."
