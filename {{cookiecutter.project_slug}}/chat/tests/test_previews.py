"""Previews of links: what a message gets of the page to which it links, and when it loses it."""

import logging
from collections.abc import Callable, Iterator
from time import thread_time
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from chat import actions
from chat.actions import previews
from chat.actions.previews import preview_of, show_preview
from chat.markdown import first_link
from chat.models import Message, Room
from chat.tests.conftest import Published, Say
from realtime.budgets import charging
from realtime.feeds.reading import missed
from realtime.tasks import run_due
from realtime.tasks.models import TaskRow
from realtime.tests.website import HTML, Website, serving

pytestmark = pytest.mark.django_db

PAGE = """<!doctype html><html><head><meta charset="utf-8"><title>Night trains of Europe</title>
<meta name="description" content="All of them, on one map."></head><body>…</body></html>"""
OTHER = "<title>Timetables</title>"


@pytest.fixture
def website(settings: Settings) -> Iterator[Website]:
    """With the pages `/` and `/other`."""
    settings.DOMAIN_NAME = "chat.example.com"
    settings.LINK_PREVIEWS = settings.ALLOW_PRIVATE_ADDRESSES = True
    with serving() as website:
        website.add("/", PAGE)
        website.add("/other", OTHER)
        yield website


def meta(**named: str) -> str:
    return "".join(f'<meta property="og:{name}" content="{text}">' for name, text in named.items())


def preview(room: Room, seq: int) -> Any:  # Any: JSON
    return Message.objects.get(room=room, seq=seq).preview


def tasks() -> int:
    return TaskRow.objects.filter(path=show_preview.module_path).count()


def test_a_link_gets_a_preview_by_the_next_revision(
    ada: User, public: Room, say: Say, website: Website, published: Published
) -> None:
    message = say(public, ada, f"Look: {website.url()}, it is good")
    assert (message.rev, message.preview) == (1, None)
    run_due()
    event = published.last("message.updated")
    assert (event["topic"], event["rev"]) == ("chat:general", 2)
    assert event["data"]["preview"] == {
        "url": website.url(),
        "site": "127.0.0.1",
        "title": "Night trains of Europe",
        "description": "All of them, on one map.",
    }
    assert (event["data"]["seq"], event["data"]["edited_at"]) == (1, None)
    assert event["data"]["body"] == f"Look: {website.url()}, it is good"


def test_whoever_catches_up_gets_the_preview_as_the_page_does(
    ada: User, public: Room, say: Say, website: Website
) -> None:
    say(public, ada, website.url())
    run_due()
    public.refresh_from_db()
    (changed,) = missed(Message, [(public, 1)], 10).values()
    assert [(each.rev, each.preview) for each in changed.items] == [(2, preview(public, 1))]
    assert preview(public, 1)["title"] == "Night trains of Europe"
    page = browser(ada).get("/rooms/general/").content.decode()
    assert f'href="{website.url()}"' in page
    assert '<strong dir="auto" data-part="preview-title">Night trains of Europe</strong>' in page


def test_only_the_first_link_counts(ada: User, public: Room, say: Say, website: Website) -> None:
    say(public, ada, f"[Times]({website.url('/other')}) and {website.url()}")
    run_due()
    assert preview(public, 1)["title"] == "Timetables"
    assert [path for path, _ in website.asked] == ["/other"]


@pytest.mark.parametrize(
    ("body", "link"),
    [
        ("https://example.com/a_(b)?c=1&d.", "https://example.com/a_(b)?c=1&d"),
        ("HTTP://EXAMPLE.COM/A", "HTTP://EXAMPLE.COM/A"),
        ("**[words](http://example.com/a)**", "http://example.com/a"),
        ("<https://example.com/>", "https://example.com/"),
        ("> - https://example.com/", "https://example.com/"),
        ("[mail](mailto:a@b.c) [room](/rooms/general/) https://a.b/", "https://a.b/"),
        ("https://exämple.com/ü", "https://xn--exmple-cua.com/%C3%BC"),
        ("`https://example.com/`", None),
        ("```\nhttps://example.com/\n```", None),
        ("[x](javascript://example.com/%0aalert(1))", None),
        ("[x](data:text/html,http://a.b/)", "http://a.b/"),
        ("ftp://example.com/", None),
        ("mailto://example.com", None),
        ("No link :// here", None),
        (">" * 30 + " https://example.com/", None),
    ],
)
def test_which_link_is_the_first(body: str, link: str | None) -> None:
    assert first_link(body) == link


@pytest.mark.parametrize(
    "body",
    [
        "No link",
        "`https://example.com/`",
        "https://chat.example.com/rooms/general/?at=3",
        "http://CHAT.example.com:8000",
        f"https://example.com/{'a' * 2_000}",
    ],
)
def test_a_message_without_a_link_to_elsewhere_costs_no_task(
    ada: User, public: Room, say: Say, website: Website, body: str
) -> None:
    say(public, ada, body)
    assert tasks() == 0


def test_a_site_whose_name_begins_as_ours_is_another(
    ada: User, public: Room, say: Say, website: Website
) -> None:
    say(public, ada, "https://chat.example.com.example.net/")
    assert tasks() == 1


def test_switched_off_nothing_is_fetched(
    ada: User, public: Room, say: Say, website: Website, settings: Settings
) -> None:
    say(public, ada, website.url())
    settings.LINK_PREVIEWS = False
    say(public, ada, website.url("/other"))
    assert tasks() == 1
    run_due()
    assert website.asked == []


def test_a_page_that_cannot_be_had_changes_nothing(
    ada: User,
    public: Room,
    say: Say,
    website: Website,
    published: Published,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "chat.actions.previews")
    website.pages["/late"] = 503, HTML, [b"<title>Later</title>"]
    website.add("/untitled", "<p>Hello</p>")
    for path in ("/late", "/untitled", "/nowhere"):
        say(public, ada, website.url(path))
    assert run_due() == 3
    assert [preview(public, seq) for seq in (1, 2, 3)] == [None, None, None]
    assert "message.updated" not in published.types("chat:general")
    assert [each.levelname for each in caplog.records] == ["INFO", "INFO"]
    assert run_due() == 0  # nor is it tried again


def test_a_link_to_the_inside_is_never_followed(
    ada: User, public: Room, say: Say, website: Website, settings: Settings
) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = False
    say(public, ada, website.url())
    say(public, ada, "http://[::ffff:127.0.0.1]/ http://169.254.169.254/latest/meta-data/")
    assert run_due() == 2
    assert [preview(public, seq) for seq in (1, 2)] == [None, None]
    assert website.asked == []


def test_a_task_that_runs_twice_gives_one_revision(
    ada: User, public: Room, say: Say, website: Website
) -> None:
    say(public, ada, website.url())
    pk = Message.objects.get().pk
    show_preview.call(pk)
    show_preview.call(pk)
    assert Message.objects.get().rev == 2
    assert len(website.asked) == 1


@pytest.mark.parametrize(
    ("meanwhile", "rev"),
    [
        (lambda room, ada, url: actions.delete_message(room, ada, seq=1), 2),
        (lambda room, ada, url: actions.edit_message(room, ada, seq=1, body="No link"), 2),
        (lambda room, ada, url: actions.edit_message(room, ada, seq=1, body=f"{url}other"), 2),
        (lambda room, ada, url: actions.edit_message(room, ada, seq=1, body=f"{url} !"), 3),
        (lambda room, ada, url: show_preview.call(Message.objects.get().pk), 2),
    ],
)
def test_what_changed_while_the_page_was_fetched_counts(
    ada: User,
    public: Room,
    say: Say,
    website: Website,
    monkeypatch: pytest.MonkeyPatch,
    meanwhile: Callable[[Room, User, str], object],
    rev: int,
) -> None:
    look_at = previews._look_at

    def slow(url: str) -> Any:
        monkeypatch.setattr(previews, "_look_at", look_at)
        found = look_at(url)
        meanwhile(public, ada, url)
        return found

    say(public, ada, website.url())
    monkeypatch.setattr(previews, "_look_at", slow)
    show_preview.call(Message.objects.get().pk)
    assert Message.objects.get().rev == rev


def test_a_room_or_message_that_is_gone_is_no_error(
    ada: User, public: Room, say: Say, website: Website, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(public, ada, website.url())
    pk = Message.objects.get().pk
    look_at = previews._look_at

    def slow(url: str) -> Any:
        actions.delete_room(public)
        return look_at(url)

    monkeypatch.setattr(previews, "_look_at", slow)
    show_preview.call(pk)
    show_preview.call(pk)
    assert not Message.objects.exists()


def test_an_edit_keeps_removes_or_renews_the_preview(
    ada: User, public: Room, say: Say, website: Website
) -> None:
    def edited(body: str) -> Any:
        return actions.edit_message(public, ada, seq=1, body=body).preview

    say(public, ada, website.url())
    run_due()
    kept = preview(public, 1)
    assert edited(f"{website.url()} with more words") == kept
    assert run_due() == 0
    assert edited("No link any more") is None
    assert preview(public, 1) is None
    assert run_due() == 0
    assert edited(website.url("/other")) is None
    run_due()
    assert preview(public, 1)["title"] == "Timetables"
    assert edited(website.url()) is None
    run_due()
    assert preview(public, 1)["title"] == "Night trains of Europe"


def test_a_deleted_message_loses_its_preview(
    ada: User, public: Room, say: Say, website: Website
) -> None:
    say(public, ada, website.url())
    run_due()
    assert actions.delete_message(public, ada, seq=1).preview is None
    assert preview(public, 1) is None


def test_a_reaction_keeps_the_preview(ada: User, public: Room, say: Say, website: Website) -> None:
    say(public, ada, website.url())
    run_due()
    reacted = actions.toggle_reaction(public, ada, seq=1, emoji="👍")
    assert reacted.preview == preview(public, 1)
    assert reacted.preview is not None


def test_a_person_has_so_many_pages_fetched(
    ada: User, bob: User, public: Room, say: Say, website: Website, settings: Settings
) -> None:
    settings.BUDGETS = {"previews": (2, 3_600)}
    with charging():
        for author in (ada, ada, ada, bob):
            say(public, author, website.url())
        say(public, ada, "No link")
        actions.edit_message(public, ada, seq=5, body=website.url())
    assert run_due() == 3
    assert [bool(preview(public, seq)) for seq in (1, 2, 3, 4, 5)] == [
        True,
        True,
        False,
        True,
        False,
    ]


def test_other_tasks_come_first(ada: User, public: Room, say: Say, website: Website) -> None:
    say(public, ada, website.url())
    assert TaskRow.objects.get().priority < 0


@pytest.mark.parametrize(
    ("html", "title", "description"),
    [
        ("<title>Hello</title>", "Hello", ""),
        ("<TITLE lang=de>Grüße &amp; K&uuml;sse</TITLE>", "Grüße & Küsse", ""),
        (f"<title>Site</title>{meta(title='A &quot;b&quot;')}", 'A "b"', ""),
        (f"{meta(title='', description='Words')}<title>Site</title>", "Site", "Words"),
        (f"{meta(title='&#x2800; &#8203;')}<title>Seen</title>", "Seen", ""),
        (f"{meta(title='First')}{meta(title='Second')}", "First", ""),
        ("<meta name=og:title content=Named>", "Named", ""),
        ("<title>A</title><meta name=DESCRIPTION content=' b\n c '>", "A", "b c"),
        ("<title>\n  Two\n\n  lines\t</title>", "Two lines", ""),
        ("<title>a\u202eb\u2066c\x00d\x1be</title>", "abcde", ""),
        ("<title>e" + "\u0301" * 50 + "</title>", "\u00e9" + "\u0301" * 5, ""),
        ("<title>&#xD800;&#0;a</title>", "\ufffd\ufffda", ""),
        (
            f"<title>{'a' * 500}</title>{meta(description='b' * 500)}",
            "a" * 119 + "…",
            "b" * 239 + "…",
        ),
        (
            "<script>'<title>No</title>'</script><!-- <title>No</title> --><title>Yes</title>",
            "Yes",
            "",
        ),
        ("<title>Before</title><![ what", "Before", ""),
        ("<![ what <title>After</title>", None, None),
        ("<title></title>", None, None),
        ("<title>\u200b</title>", None, None),
        (f"{meta(description='Words')}<p>No title</p>", None, None),
        ("", None, None),
        ("PK\x03\x04", None, None),
    ],
)
def test_what_a_page_says_of_itself(html: str, title: str | None, description: str | None) -> None:
    found = preview_of("https://www.example.com:8000/a", html)
    if title is None:
        assert found is None
    else:
        assert found == {
            "url": "https://www.example.com:8000/a",
            "site": "www.example.com",
            "title": title,
            "description": description,
        }


@pytest.mark.parametrize(
    "piece",
    [
        "<",
        "<a ",
        "<a b=",
        '<a b="',
        "<!--",
        "<![",
        "<!a",
        "<?",
        "</",
        "</a ",
        "&",
        "&#",
        "&#" + "9" * 5_000 + ";",
        "<div>",
        "<title>",
        "<script>",
        "<script></",
        "<meta content=x property=",
        "a=",
        "a\n",
        '<a "',
        "<a/",
    ],
)
def test_a_page_that_is_hard_to_read_takes_no_time(piece: str) -> None:
    html = f"<a {piece * (524_288 // len(piece))}"
    began_at = thread_time()
    preview_of("https://example.com/", html)
    preview_of("https://example.com/", html[3:])
    assert thread_time() - began_at < 5


def test_what_a_page_says_is_text(ada: User, public: Room, say: Say, website: Website) -> None:
    website.add("/", meta(title="&lt;img src=x onerror=alert(1)&gt;"))
    say(public, ada, website.url())
    run_due()
    assert preview(public, 1)["title"] == "<img src=x onerror=alert(1)>"
    page = browser(ada).get("/rooms/general/").content.decode()
    assert "&lt;img src=x onerror=alert(1)&gt;</strong>" in page
    assert "<img src=x" not in page


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client
