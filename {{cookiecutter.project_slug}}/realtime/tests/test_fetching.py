"""Which pages are fetched: their addresses are what people typed, and their servers anybody's."""

import gzip
import time
from collections.abc import Iterator

import pytest
from pytest_django import Settings

from realtime import fetching
from realtime.fetching import fetch
from realtime.posting import BadAddress, Unreachable
from realtime.tests.website import HTML, Internet, Website, connected_to, serving


@pytest.fixture
def website(settings: Settings) -> Iterator[Website]:
    settings.ALLOW_PRIVATE_ADDRESSES = True
    with serving() as website:
        yield website


@pytest.fixture
def internet(website: Website, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Internet:
    """One in which private addresses are refused, with the site `example.com`."""
    settings.ALLOW_PRIVATE_ADDRESSES = False
    internet = connected_to(website, monkeypatch)
    internet.names["example.com"] = ["93.184.215.14"]
    return internet


def test_a_page_is_fetched_without_anything_that_tells_of_people(
    website: Website, settings: Settings
) -> None:
    settings.DOMAIN_NAME = "chat.example.com"
    url = website.add("/a?b=c", "<title>Hello</title>")
    assert fetch(f"{url}#place") == "<title>Hello</title>"
    assert website.asked == [
        (
            "/a?b=c",
            {
                "host": f"127.0.0.1:{website.server_port}",
                "accept": "text/html",
                "accept-encoding": "identity",
                "user-agent": "LinkPreview/1.0 (+https://chat.example.com/)",
            },
        )
    ]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://0177.0.0.1/",
        "http://0x7f.0.0.1/",
        "http://0/",
        "http://0.0.0.0/",
        "http://localhost/",
        "https://localhost/",
        "http://10.0.0.1/",
        "http://172.16.0.1/",
        "http://192.168.0.1/",
        "http://100.64.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://224.0.0.1/",
        "http://255.255.255.255/",
        "http://[::]/",
        "http://[::1]/",
        "http://[::127.0.0.1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://[::ffff:0:127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[64:ff9b:1::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "http://[2001::1]/",
        "http://[fe80::1]/",
        "http://[fec0::1]/",
        "http://[fd00::1]/",
        "http://[ff02::1]/",
        "http://[::/",
        "http://example.com:22/",
        "http://example.com:443/",
        "https://example.com:80/",
        "https://example.com:99999/",
        "http://ada@example.com/",
        "http://ada:secret@example.com/",
        "http://example.com/\r\nHost: elsewhere",
        "http://exämple.com/",
        "http:///x",
        "//example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "",
    ],
)
def test_what_is_no_public_page_is_refused_before_connecting(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = False
    connected: list[object] = []
    monkeypatch.setattr("urllib3.util.connection.create_connection", connected.append)

    with pytest.raises(BadAddress):
        fetch(url)
    assert connected == []


@pytest.mark.parametrize("url", ["http://example.com/", "http://example.com:80/"])
def test_a_public_page_is_fetched_from_the_address_that_was_looked_at(
    internet: Internet, url: str
) -> None:
    internet.website.add("/", "<title>Example</title>")
    assert fetch(url) == "<title>Example</title>"
    assert internet.connected == [("93.184.215.14", 80)]


def test_a_name_with_a_private_address_among_others_is_refused(internet: Internet) -> None:
    internet.names["mixed.example"] = ["93.184.215.14", "10.0.0.1"]
    with pytest.raises(BadAddress):
        fetch("http://mixed.example/")
    assert internet.connected == []


def test_a_name_is_looked_up_once(internet: Internet, monkeypatch: pytest.MonkeyPatch) -> None:
    """So it cannot lead elsewhere the second time."""
    asked = []

    def look_up(host: str, port: int, *others: object, **kwargs: object) -> list[object]:
        asked.extend([] if others else [host])
        return internet.look_up(host, port, *others, **kwargs)

    monkeypatch.setattr("socket.getaddrinfo", look_up)
    internet.website.add("/", "<title>Example</title>")
    fetch("http://example.com/")
    assert asked == ["example.com"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirections_are_followed(internet: Internet, status: int) -> None:
    internet.names["www.example.com"] = ["93.184.215.15"]
    internet.website.pages["/"] = status, {"Location": "//www.example.com/home"}, []
    internet.website.pages["/home"] = status, {"Location": "en"}, []
    internet.website.add("/en", "<title>Home</title>")
    assert fetch("http://example.com/") == "<title>Home</title>"
    assert [address for address, _ in internet.connected] == [
        "93.184.215.14",
        "93.184.215.15",
        "93.184.215.15",
    ]


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:10.0.0.1]/",
        "//inside.example/",
        "http://example.com:6379/",
        "http://ada:secret@example.com/",
        "file:///etc/passwd",
        "http://[",
    ],
)
def test_a_redirection_to_the_inside_is_refused(internet: Internet, location: str) -> None:
    internet.names |= {"inside.example": ["10.0.0.1"], "127.0.0.1": ["127.0.0.1"]}
    internet.website.pages["/"] = 302, {"Location": location}, []
    with pytest.raises(BadAddress):
        fetch("http://example.com/")
    assert internet.connected == [("93.184.215.14", 80)]


@pytest.mark.parametrize(("count", "fetched"), [(3, True), (4, False)])
def test_so_many_redirections_are_followed(website: Website, count: int, fetched: bool) -> None:
    for number in range(count):
        website.pages[f"/{number}"] = 302, {"Location": f"/{number + 1}"}, []
    website.add(f"/{count}", "<title>There</title>")
    if fetched:
        assert fetch(website.url("/0")) == "<title>There</title>"
    else:
        with pytest.raises(Unreachable):
            fetch(website.url("/0"))
    assert len(website.asked) == 4


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (200, {}, b"<title>No type</title>"),
        (200, {"Content-Type": "application/pdf"}, b"%PDF"),
        (200, {"Content-Type": "image/svg+xml"}, b"<svg><title>A picture</title></svg>"),
        (200, HTML | {"Content-Encoding": "gzip"}, gzip.compress(b"<title>" + b"0" * 10_000_000)),
        (200, HTML | {"Transfer-Encoding": "chunked"}, b"not chunked"),
        (200, HTML | {"Transfer-Encoding": "chunked"}, b"-5\r\n<title>Odd</title>"),
        (204, HTML, b""),
        (302, HTML, b"<title>Nowhere</title>"),
        (404, HTML, b"<title>Not found</title>"),
        (500, HTML, b"<title>Error</title>"),
    ],
)
def test_an_answer_that_is_no_page_is_none(
    website: Website, status: int, headers: dict[str, str], body: bytes
) -> None:
    website.pages["/"] = status, headers, [body]
    with pytest.raises(Unreachable):
        fetch(website.url())


def test_a_huge_page_is_read_to_a_bound(website: Website) -> None:
    sent = []

    def endless() -> Iterator[bytes]:
        while True:
            sent.append(65_536)
            yield b"x" * 65_536

    website.pages["/"] = 200, HTML, endless()
    assert len(fetch(website.url())) == 524_288
    assert sum(sent) < 20_000_000


def test_a_page_that_drips_in_is_cut_off(website: Website, monkeypatch: pytest.MonkeyPatch) -> None:
    def drops() -> Iterator[bytes]:
        yield b"<title>Slow</title>"
        for _ in range(100):
            time.sleep(0.05)
            yield b" "

    monkeypatch.setattr(fetching, "PAGE_SECONDS", 0.3)
    website.pages["/"] = 200, HTML, drops()
    began_at = time.monotonic()
    with pytest.raises(Unreachable):
        fetch(website.url())
    assert time.monotonic() - began_at < 3


def test_redirections_share_the_time(website: Website, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "PAGE_SECONDS", 0.9)
    website.seconds = 0.5
    website.pages["/"] = 302, {"Location": "/there"}, []
    website.add("/there", "<title>There</title>")
    assert fetch(website.url("/there")) == "<title>There</title>"
    with pytest.raises(Unreachable):
        fetch(website.url())


def test_a_name_that_takes_long_to_look_up_is_not_waited_for(
    internet: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(host: str, port: int, *others: object, **kwargs: object) -> list[object]:
        time.sleep(0 if others else 5)
        return internet.look_up(host, port, *others, **kwargs)

    monkeypatch.setattr("socket.getaddrinfo", late)
    monkeypatch.setattr(fetching, "PAGE_SECONDS", 0.3)
    began_at = time.monotonic()
    with pytest.raises(Unreachable):
        fetch("http://example.com/")
    assert time.monotonic() - began_at < 3


@pytest.mark.parametrize(
    ("kind", "content", "text"),
    [
        ("text/html", "Grüße".encode(), "Grüße"),
        ("text/html; charset=UTF-8", "Grüße".encode(), "Grüße"),
        ("text/html; charset=iso-8859-1", "Grüße".encode("latin-1"), "Grüße"),
        ('Text/HTML;charset="windows-1251"', "Привет".encode("cp1251"), "Привет"),
        ("text/html", '<meta charset="Shift_JIS">今日'.encode("shift_jis"), None),
        ("text/html; charset=utf-8", "Grüße".encode("latin-1"), "Gr\ufffd\ufffde"),
        ("text/html; charset=gb18030", b"\xff\xff", "\ufffd\ufffd"),
        ("text/html; charset=none", "Grüße".encode(), "Grüße"),
        ("text/html; charset=punycode", b"a-b", "a-b"),
        ("text/html; charset=zip", b"PK", "PK"),
        ("text/html; charset=idna", b"xn--a", "xn--a"),
    ],
)
def test_a_page_is_read_in_its_character_set(
    website: Website, kind: str, content: bytes, text: str | None
) -> None:
    website.pages["/"] = 200, {"Content-Type": kind}, [content]
    assert fetch(website.url()) == (text or '<meta charset="Shift_JIS">今日')
