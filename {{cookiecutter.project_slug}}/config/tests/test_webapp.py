"""What browsers get who install the site, and who cannot reach it."""

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User

MANIFEST = "/manifest.webmanifest"
WORKER = "/service-worker.js"


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("Parlour", "Parlour"),
        ("The Reading Room", "The Reading"),
        ("Gesprächsrunden", "Gesprächsrun"),
        ('"R&D" </script>', '"R&D"'),
    ],
)
def test_the_manifest_has_the_sites_name(
    client: Client, settings: Settings, name: str, short: str
) -> None:
    settings.SITE_NAME = name

    response = client.get(MANIFEST)

    assert response.headers["Content-Type"] == "application/manifest+json"
    manifest = response.json()
    assert (manifest["name"], manifest["short_name"]) == (name, short)
    assert manifest["display"] == "standalone"
    assert manifest["id"] == manifest["start_url"] == manifest["scope"] == "/"


def test_the_service_worker_is_asked_for_anew_and_sent_only_if_it_changed(client: Client) -> None:
    first = client.get(WORKER)
    again = client.get(WORKER, headers={"If-None-Match": first.headers["ETag"]})

    assert first.headers["Content-Type"] == "text/javascript"
    assert first.headers["Cache-Control"] == "no-cache"
    assert again.status_code == 304


def test_a_change_of_the_offline_page_changes_the_service_worker(
    client: Client, settings: Settings
) -> None:
    before = client.get(WORKER).content
    settings.SITE_NAME = "<Another>"

    after = client.get(WORKER).content.decode()

    assert "&lt;Another&gt; cannot be reached" in after
    assert after.encode() != before


def test_the_offline_page_names_nobody(client: Client, ada: User) -> None:
    anonymous = client.get(WORKER).content
    client.force_login(ada)

    assert client.get(WORKER).content == anonymous
