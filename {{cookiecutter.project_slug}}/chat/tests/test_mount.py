"""The project's pages beneath another path than the root: their addresses follow."""

import re

import pytest
from django.test import Client
from django.urls import include, path, reverse

from accounts.models import User
from chat import actions
from chat.markdown import render
from realtime.bodies import bounds

urlpatterns = [path("team/", include("config.urls"))]
pytestmark = pytest.mark.urls(__name__)
ADDRESS = re.compile(r'(?<!nonce=)"(/[\w/.-]*)')
BENEATH = re.compile(r"/((team|static)/.*)?")  # and the site's start


@pytest.mark.parametrize("page", ["", "rooms/general/", "people/", "search/"])
def test_a_page_has_addresses_beneath_the_same_path(client: Client, ada: User, page: str) -> None:
    actions.create_room(ada, name="general")
    client.force_login(ada)
    found = set(ADDRESS.findall(client.get(f"/team/{page}").content.decode()))
    assert "/team/people/" in found
    assert {each for each in found if not BENEATH.fullmatch(each)} == set()


def test_a_message_links_to_rooms_where_they_are() -> None:
    assert render("[tea](/team/rooms/tea/)") == '<p><a href="/team/rooms/tea/">tea</a></p>'
    assert render("[tea](/rooms/tea/)") == "<p>[tea](/rooms/tea/)</p>"


@pytest.mark.parametrize("address", [("chat:upload", ["tea"]), ("accounts:change_portrait", [])])
def test_an_upload_may_be_larger_than_other_requests(address: tuple[str, list[str]]) -> None:
    name, args = address
    assert bounds(reverse(name, args=args)) == (20_971_520, 300)
    assert bounds(reverse("chat:home")) == (2_621_440, 30)
