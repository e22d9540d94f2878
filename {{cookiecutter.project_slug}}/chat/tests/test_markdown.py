"""A message's Markdown: what it looks like, whom it mentions, and that no text can do harm."""

import json
from collections.abc import Callable
from cProfile import Profile
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chat import markdown
from chat.markdown import LANGUAGES, is_plain, mentioned_usernames, plain, render

MENTIONS = json.loads((Path(__file__).parent / "mentions.json").read_text(encoding="utf-8"))
LONGEST_CHARACTERS = 4_000
ATTRIBUTES = {
    "a": {"href", "rel", "target"},
    "strong": {"class", "data-mention"},
    "span": {"class"},
    "pre": {"class"},
    "ol": {"start"},
    **{tag: set() for tag in ("p", "br", "em", "s", "code", "blockquote", "ul", "li")},
}
HOSTILE = [
    *("@", "@a", "@a.", "@a-", "@a/", "@.", "a@", "@@a", "@" + "a" * 399, "@a" + "." * 398),
    *("http://", "http://a", "http://.", "http://a.", "http://a)", "http://(", "h", "://", "http"),
    *("http://a/" + "." * 2_660 + ")" * 1_331, "http://a/" + "(" * 1_995 + ")" * 1_996),
    *("http://a/" + ".)" * 1_995, "http://a " * 4 + "@", "http://" + ")" * 393),
    *("*", "**", "*a", "a*", "_", "*_", "~~", "~~a", "*a_ ", "a**b", "**a *b ", "\\", "\\*"),
    *(
        "[",
        "]",
        "[]",
        "[a](",
        "[a](b",
        "![",
        "[[]",
        "[a](http://b)",
        "<",
        "<http://a",
        "<a@",
        "a@b",
    ),
    *("`", "`a", "``a`", "a`` ", "`" * 7 + " ", "```\n", "~~~\n", "```a\n```\n"),
    *(
        ">",
        "> ",
        ">a\n",
        "- ",
        "-\n",
        "* a\n",
        "1. ",
        "1.\n",
        "- a\n ",
        "  - a\n",
        ">- ",
        "\n",
        "a\n",
    ),
    *("&", "&amp;", "&#0;", "<!--", "<b>", "a|b\n-|-\n", "# a\n", "===\n", "    a\n", "\t", "é@"),
    *("\u202e", "\u200d", "\U0001d482", "<script>alert(1)</script>", "[a](javascript:alert(1))"),
]


class Page(HTMLParser):
    """What a browser makes of some HTML: refuses what is not allowed in a message."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        self.links: list[str] = []
        self.mentions: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        assert given.keys() <= ATTRIBUTES[tag], (tag, attrs)
        if tag == "a":
            href = given["href"] or ""
            assert href.lower().startswith(("http://", "https://", "mailto:", "/rooms/"))
            assert given.get("rel") == (
                None if href[0] == "/" else "noopener noreferrer nofollow ugc"
            )
            self.links.append(href)
        if "data-mention" in given:
            self.mentions.append(given["data-mention"] or "")
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(decl)


def calls(function: Callable[[], object]) -> int:
    """How many functions are called meanwhile."""
    with Profile() as profile:
        function()
    return sum(entry.callcount for entry in profile.getstats())


@pytest.mark.parametrize(
    ("body", "html"),
    [
        ("Tea at five?", "<p>Tea at five?</p>"),
        ("<b>1 & 2</b>", "<p>&lt;b&gt;1 &amp; 2&lt;/b&gt;</p>"),
        ("one\ntwo", "<p>one<br>\ntwo</p>"),
        (
            "**bold** *it* _it_ ~~gone~~",
            "<p><strong>bold</strong> <em>it</em> <em>it</em> <s>gone</s></p>",
        ),
        ("snake_case_name 2*3*4", "<p>snake_case_name 2<em>3</em>4</p>"),
        ("`a < b`", "<p><code>a &lt; b</code></p>"),
        ("> said\n\nanswer", "<blockquote>\n<p>said</p>\n</blockquote>\n<p>answer</p>"),
        ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>"),
        ("3. a\n4. b", '<ol start="3">\n<li>a</li>\n<li>b</li>\n</ol>'),
        ("```\n<a>\n```", "<pre><code>&lt;a&gt;\n</code></pre>"),
        ("```nolang\nx\n```", "<pre><code>x\n</code></pre>"),
        (
            "```python\nreturn 1\n```",
            '<pre class="code"><code><span class="code-k">return</span> '
            '<span class="code-mi">1</span>\n</code></pre>',
        ),
        (
            "[tea](https://a.b/?c=1&d=2)",
            '<p><a href="https://a.b/?c=1&amp;d=2" rel="noopener noreferrer nofollow ugc"'
            ' target="_blank">tea</a></p>',
        ),
        ("[#Tea](/rooms/tea-2/)", '<p><a href="/rooms/tea-2/">#Tea</a></p>'),
        ("[tea](/rooms/tea/leave/)", "<p>[tea](/rooms/tea/leave/)</p>"),
        ("[tea](//rooms/tea/)", "<p>[tea](//rooms/tea/)</p>"),
        ("[tea](/rooms/../)", "<p>[tea](/rooms/../)</p>"),
        ("[tea](/admin/)", "<p>[tea](/admin/)</p>"),
        ("[tea](javascript:alert)", "<p>[tea](javascript:alert)</p>"),
        ("![tea](https://a.b)", None),
        ("# No heading", "<p># No heading</p>"),
        ("a | b\n- | -", "<p>a | b</p>\n<ul>\n<li>| -</li>\n</ul>"),
        ("***", "<p>***</p>"),
        ("```js", "<p>```js</p>"),
        ("", ""),
    ],
)
def test_what_a_message_looks_like(body: str, html: str | None) -> None:
    if html is None:
        assert "<img" not in render(body)
    else:
        assert render(body) == html


@pytest.mark.parametrize("example", MENTIONS, ids=lambda example: example["text"])
def test_who_is_mentioned(example: dict[str, Any]) -> None:
    text, names = example["text"], example["mentions"]
    assert mentioned_usernames(text) == list(dict.fromkeys(names))
    page = Page(render(text, names))
    assert (page.mentions, len(page.links)) == (names, len(example["links"]))
    assert [each for each in page.text if each.isalnum()] == [
        each for each in text if each.isalnum()
    ]


def test_only_members_stand_out() -> None:
    text = "<b>@Ada</b> @nobody https://a.b/@ada"
    page = Page(render(text, ["ada"]))
    assert (page.mentions, page.links, page.text) == (["ada"], ["https://a.b/@ada"], text)


def test_a_message_mentions_only_so_many() -> None:
    everyone = " ".join(f"@user{number}" for number in range(100))
    assert len(mentioned_usernames(everyone)) == 20


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("**Tea** at `five`,\n@ada?", "Tea at five, @ada?"),
        ("> said\n\n- one\n- two", "said one two"),
        ("[tea](https://a.b)", "tea"),
        ("```js", "```js"),
        ("<b>", "<b>"),
    ],
)
def test_what_a_message_says(body: str, words: str) -> None:
    assert plain(body) == words


@pytest.mark.parametrize("shape", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_is_safe_and_costs_a_bounded_work(shape: str) -> None:
    body = shape * (LONGEST_CHARACTERS // len(shape))
    html = render(body, ["a"])
    Page(html)
    assert len(html) <= 40 * LONGEST_CHARACTERS
    assert plain(body) or not body.strip()
    assert calls(lambda: render(body, ["a"])) <= 120 * LONGEST_CHARACTERS
    assert calls(lambda: mentioned_usernames(body)) <= 120 * LONGEST_CHARACTERS


def test_a_quote_nested_a_thousand_deep_is_shown_as_it_was_typed() -> None:
    assert Page(render(">" * 1_000 + " tea")).text == ">" * 1_000 + " tea"


@given(
    st.text(
        st.sampled_from("ab1 \n\t*_~`[]()<>!#-+.:@/\\&;\"'|=é\u202e") | st.characters(codec="utf-8")
    )
)
def test_any_text_is_safe(body: str) -> None:
    page = Page(render(body, ["a", "b", "ab"]))
    if is_plain(body):
        assert page.text == body


@given(st.text(st.sampled_from("abh1 ~:'/.,!?()é-#")).map(str.strip).filter(is_plain))
def test_what_needs_no_parser_is_what_the_parser_makes_of_it(body: str) -> None:
    assume(body)
    without = render(body), plain(body)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(markdown, "is_plain", lambda _: False)
        assert (render(body), plain(body)) == without


def test_little_code_is_highlighted_and_much_of_it_is_not() -> None:
    assert render("```py\n\nx = 1\n```") == (
        '<pre class="code"><code>\n<span class="code-n">x</span> <span class="code-o">=</span> '
        '<span class="code-mi">1</span>\n</code></pre>'
    )
    assert "code-n" in render(f"```py\n{'x ' * 499}\n```")
    assert "code-n" not in render(f"```py\n{'x ' * 500}\n```")
    twice = render(f"```py\n{'x ' * 300}\n```\n" * 2)
    assert twice.count('<pre class="code">') == 1


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_html_of_code_is_bounded(language: str) -> None:
    for shape in ("- ", "1;", "a.", "a\n", "@a ", "<"):
        body = f"```{language}\n{(shape * 4000)[:3980]}\n```"
        assert len(render(body, ["a"])) < 100_000
        several = f"```{language}\n{(shape * 400)[:900]}\n```\n" * 4
        assert len(render(several, ["a"])) < 100_000


def test_a_mention_ends_in_its_own_paragraph() -> None:
    assert mentioned_usernames("qqqq/@grace") == []
    assert mentioned_usernames("- @ada\n- qqqq/@grace") == ["ada"]


def test_a_link_to_nowhere_leads_nowhere() -> None:
    assert render("[here]()") == "<p><a>here</a></p>"
