"""The pages of notifications."""

import pytest
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse

from accounts.models import User
from notifications import kinds
from notifications.actions import notify
from notifications.forms import PreferencesForm
from notifications.kinds import Kind, Level, TargetLevel
from notifications.models import Inbox, Notification, TargetPreference
from notifications.queries import of

pytestmark = pytest.mark.django_db

CHOOSE = "/notifications/level/"
BY_SCRIPT = {"Accept": "application/json"}
LIST = "/notifications/"
SETTINGS = "/settings/notifications/"


@pytest.fixture
def browser(ada: User) -> Client:
    browser = Client()
    browser.force_login(ada)
    return browser


def rumour(user: User, text: str = "it rains") -> Notification:
    notify([user], "test.rumour", rumour=text)
    return of(user.pk)[0]


@pytest.mark.parametrize("path", [LIST, SETTINGS, "/notifications/1/"])
def test_whoever_is_not_signed_in_is_sent_to_do_so(path: str) -> None:
    assert Client().get(path).headers["Location"].startswith(reverse("account_login"))


def test_the_list_shows_what_happened_as_text(browser: Client, ada: User) -> None:
    rumour(ada, "<b>it rains</b>")

    page = browser.get(LIST).content.decode()

    assert "They say &lt;b&gt;it rains&lt;/b&gt;" in page


def test_the_list_has_pages(browser: Client, ada: User) -> None:
    for number in range(25):
        rumour(ada, f"no. {number}.")

    newest = browser.get(LIST)
    older = browser.get(f"{LIST}?before={newest.context['older']}")

    assert [len(page.context["notifications"]) for page in (newest, older)] == [20, 5]
    assert older.context["older"] is None


@pytest.mark.parametrize("before", ["x", "-1", "9" * 40, ""])
def test_a_page_that_is_none_is_the_first(browser: Client, ada: User, before: str) -> None:
    rumour(ada)

    assert len(browser.get(LIST, {"before": before}).context["notifications"]) == 1


def test_an_empty_list_says_so(browser: Client) -> None:
    assert "Nothing yet" in browser.get(LIST).content.decode()


def test_the_bell_counts_on_every_page(browser: Client, ada: User) -> None:
    rumour(ada)

    page = browser.get(reverse("accounts:edit")).content.decode()

    assert 'data-unread="1"' in page


def test_following_one_goes_where_it_leads_and_changes_nothing(browser: Client, ada: User) -> None:
    notify([ada], "test.call", target="test:hall", room="hall")
    notification = of(ada.pk).get()

    response = browser.get(f"{LIST}{notification.pk}/")

    assert response.headers["Location"] == "/rooms/hall/"
    assert Inbox.objects.get(user=ada).unread == 1  # a browser may fetch what nobody has opened


def test_following_one_that_leads_nowhere_goes_back_to_the_list(browser: Client, ada: User) -> None:
    assert browser.get(f"{LIST}{rumour(ada).pk}/").headers["Location"] == LIST


@pytest.mark.parametrize("verb", ["", "read/", "delete/"])
def test_what_is_not_ones_own_is_not_there(browser: Client, bob: User, verb: str) -> None:
    path = f"{LIST}{rumour(bob).pk}/{verb}"

    response = browser.post(path) if verb else browser.get(path)

    assert response.status_code == 404
    assert Inbox.objects.get(user=bob).unread == 1


def test_reading_and_deleting_work_without_a_script(browser: Client, ada: User) -> None:
    for _ in range(3):
        rumour(ada)
    one, two, _ = of(ada.pk)

    browser.post(f"{LIST}{one.pk}/read/")
    assert Inbox.objects.get(user=ada).unread == 2
    browser.post(f"{LIST}{two.pk}/delete/")
    assert Inbox.objects.get(user=ada).unread == 1
    browser.post(f"{LIST}read/")
    assert Inbox.objects.get(user=ada).unread == 0


def test_only_a_form_of_this_site_deletes(ada: User) -> None:
    stranger = Client(enforce_csrf_checks=True)
    stranger.force_login(ada)

    assert stranger.post(f"{LIST}{rumour(ada).pk}/delete/").status_code == 403
    assert stranger.get(f"{LIST}{rumour(ada).pk}/delete/").status_code == 405


@pytest.mark.parametrize(
    ("link", "kept"),
    [
        ("/rooms/a/", True),
        ("https://example.com/", True),
        ("//example.com/", False),
        ("/\\example.com/", False),
        ("javascript:alert(1)", False),
        ("data:text/html,hello", False),
    ],
)
def test_links_lead_to_pages_only(link: str, kept: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = Kind("test.link", "Links", "A link", link="{link}")
    monkeypatch.setitem(kinds._kinds, kind.name, kind)

    assert Notification(kind=kind.name, data={"link": link}).link == (link if kept else "")


def choices(user: User) -> dict[str, str]:
    form = PreferencesForm(user)
    return {field.name: field.initial for field in [*form.kinds(), *form.targets()]}


def test_choices_are_saved(browser: Client, ada: User) -> None:
    chosen = choices(ada) | {
        "kind test.call": Level.NOTHING.value,
        "target test:hall": TargetLevel.EVERYTHING.value,
    }

    response = browser.post(SETTINGS, chosen)

    assert response.headers["Location"] == SETTINGS
    assert choices(ada) == chosen
    assert not PreferencesForm(ada)["digest"].initial


def test_a_level_that_is_none_is_refused(browser: Client, ada: User) -> None:
    before = choices(ada)

    response = browser.post(SETTINGS, before | {"kind test.call": "loudest"})

    assert response.status_code == 200
    assert choices(ada) == before


def test_a_target_out_of_reach_cannot_be_chosen(browser: Client, ada: User) -> None:
    browser.post(SETTINGS, choices(ada) | {"target test:bob": TargetLevel.NOTHING.value})

    assert "target test:bob" not in choices(ada)
    assert "test:bob" not in browser.get(SETTINGS).content.decode()


def test_a_target_is_followed_on_its_own_page(browser: Client, ada: User) -> None:
    ada_follows = TargetPreference.objects.filter(user=ada)
    page = render_to_string("notifications/_level.html", {"user": ada, "target": "test:hall"})
    assert '<option value="mentions" selected>' in page
    for level in ("everything", "nothing"):
        form = {"target": "test:hall", "level": level}
        assert browser.post(CHOOSE, form, headers=BY_SCRIPT).status_code == 204
        assert ada_follows.get().level == level
        page = render_to_string("notifications/_level.html", {"user": ada, **form})
        assert f'<option value="{level}" selected>' in page
    without_script = browser.post(CHOOSE, {"target": "test:hall", "level": "mentions"})
    assert without_script["Location"] == SETTINGS
    assert not ada_follows.exists()


@pytest.mark.parametrize(
    ("form", "status", "detail"),
    [
        ({}, 400, "A level is one of everything, mentions, nothing."),
        ({"target": "test:hall", "level": "loud"}, 400, "A level is one of"),
        ({"target": "test:secret", "level": "nothing"}, 404, "There is no test:secret"),
        (
            {"target": "nothing", "level": "nothing"},
            404,
            "There is no nothing that you can follow.",
        ),
    ],
)
def test_a_choice_that_cannot_be_is_refused(
    browser: Client, form: dict[str, str], status: int, detail: str
) -> None:
    response = browser.post(CHOOSE, form, headers={"Accept": "application/json"})
    assert response.status_code == status
    assert response.json()["detail"].startswith(detail)
    assert not TargetPreference.objects.exists()


def test_a_choice_is_posted_by_who_is_signed_in(browser: Client) -> None:
    assert browser.get(CHOOSE).status_code == 405
    assert Client().post(CHOOSE)["Location"].startswith(reverse("account_login"))
