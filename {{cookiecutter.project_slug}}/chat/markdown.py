"""A message's Markdown as HTML and as plain text.

Safe by construction: HTML in a message is text, and a link leads to a page, a mail address or a
room.
"""

import re
from collections.abc import Collection, Iterator, MutableMapping, Sequence
from typing import Any

from django.urls import reverse
from django.utils.html import escape
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import OptionsDict
from pygments import highlight
from pygments.formatters.html import HtmlFormatter
from pygments.lexers import get_lexer_by_name

from chat.text import end_of_link, scheme_before, username_at

RULES = [
    *("newline", "escape", "backticks", "emphasis", "strikethrough", "link", "autolink"),
    *("balance_pairs", "fragments_join", "text_join"),
    *("fence", "blockquote", "list"),
]
LANGUAGES = {
    *("bash", "c", "cpp", "css", "diff", "go", "html", "ini", "java", "javascript", "js", "json"),
    *("kotlin", "lua", "php", "python", "py", "ruby", "rust", "scss", "sh", "sql", "swift", "toml"),
    *("ts", "typescript", "xml", "yaml"),
}
"""Of code that is highlighted."""
HIGHLIGHTED = 1_000
"""Characters of code that are highlighted in a message: each may take 40 of HTML, and some lexers
take time that grows with the square of them."""
LINK = re.compile(r"(https?://|mailto:)[^\s]", re.IGNORECASE | re.ASCII)
SLUG_AT_END = re.compile(r"/([-\w]+)/$", re.ASCII)
WEB = re.compile("https?://", re.IGNORECASE | re.ASCII)
NESTING = 20
MENTIONS_PER_MESSAGE = 20
REL = "noopener noreferrer nofollow ugc"
PLAIN = re.compile(r"(?:[^\n\\`*_~\[\]<>@:&\"]++|~(?!~)|:(?!/))*+", re.ASCII)
"""One line without Markdown, but for its beginning: a single `~`, and a colon that no slash
follows, are text."""
BLOCK = re.compile(r"\s|[-+#>]|\d{1,9}[.)]")
"""The beginnings of lines that may be more than text."""

Env = MutableMapping[str, Any]  # Any: markdown-it's, with the names below


def render(body: str, members: Collection[str] = ()) -> str:
    """The HTML of a message.

    Args:
        members: the usernames of the members that it mentions; other names stay text.
    """
    if is_plain(body):
        return f"<p>{body}</p>" if body else ""
    env = {"members": frozenset(members)}
    tokens = _parse(body, env)
    if not tokens:
        return f"<p>{escape(body).replace(chr(10), '<br>')}</p>"
    html: str = _markdown.renderer.render(tokens, _markdown.options, env)
    return html.strip()


def plain(body: str) -> str:
    """What a message says, on one line and without marks: for previews and excerpts."""
    if is_plain(body):
        return " ".join(body.split())
    return " ".join("".join(_texts(_parse(body))).split()) or " ".join(body.split())


def mentioned_usernames(body: str) -> list[str]:
    """The usernames that a message mentions: each once, in its order; code mentions nobody."""
    found = _inline(body) if "@" in body else ()
    names = (child.meta["username"] for child in found if child.type == "mention")
    return list(dict.fromkeys(names))[:MENTIONS_PER_MESSAGE]


def first_link(body: str) -> str | None:
    """The address of the first web page to which a message links."""
    found = _inline(body) if "://" in body else ()
    addresses = (str(child.attrGet("href")) for child in found if child.type == "link_open")
    return next((each for each in addresses if WEB.match(each)), None)


def is_plain(body: str) -> bool:
    """Whether the text is its own HTML: most messages are, and need no parser."""
    return PLAIN.fullmatch(body) is not None and BLOCK.match(body) is None


def _parse(body: str, env: Env | None = None) -> list[Token]:
    """Its tokens; none where some words would be missing, and the text is shown as it is."""
    tokens = _markdown.parse(body, {} if env is None else env)
    is_whole = all(token.level < NESTING for token in tokens)
    return tokens if is_whole and any(not text.isspace() for text in _texts(tokens)) else []


def _inline(body: str) -> Iterator[Token]:
    return (child for token in _parse(body) for child in token.children or ())


def _texts(tokens: Sequence[Token]) -> Iterator[str]:
    for token in tokens:
        if token.children is not None:
            yield from _texts(token.children)
            yield "\n"
        elif token.type in ("softbreak", "hardbreak"):
            yield "\n"
        elif token.content:
            yield token.content


def _mention(state: StateInline, silent: bool) -> bool:
    """`@ada`, by the rule of `chat.text`."""
    if state.src[state.pos] != "@":
        return False
    text, end = state.env.get("last_mention", ("", -1))
    name = username_at(state.src, state.pos, end if text is state.src else -1)
    if not name:
        return False
    end = state.pos + 1 + len(name)
    if not silent:
        token = state.push("mention", "", 0)
        token.content = state.src[state.pos : end]
        token.meta = {"username": name.lower()}
        state.env["last_mention"] = state.src, end
    state.pos = end
    return True


def _address(state: StateInline, silent: bool) -> bool:
    """`https://example.com`, by the rule of `chat.text`; found at its colon."""
    if state.linkLevel > 0 or state.src[state.pos] != ":":
        return False
    scheme = scheme_before(state.src, state.pos)
    if not scheme or not state.pending.lower().endswith(scheme):
        return False
    start = state.pos - len(scheme)
    end = end_of_link(state.src, start)
    if not end:
        return False
    if not silent:
        address = state.src[start:end]
        state.pending = state.pending[: -len(scheme)]
        token = state.push("link_open", "a", 1)
        token.attrs = {"href": state.md.normalizeLink(address)}
        state.push("text", "", 0).content = address
        state.push("link_close", "a", -1)
    state.pos = end
    return True


def _leads_somewhere(url: str) -> bool:
    """Whether it is the address of a page, a mail address or the path of a room."""
    if LINK.match(url):
        return True
    slug = SLUG_AT_END.search(url)
    return slug is not None and url == reverse("chat:room", args=[slug[1]])


class _Renderer(RendererHTML):
    def mention(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Env) -> str:
        token = tokens[idx]
        name = token.meta["username"]
        if name not in env["members"]:
            return escape(token.content)
        return f'<strong class="mention" data-mention="{name}">{escape(token.content)}</strong>'

    def link_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Env) -> str:
        href = escape(tokens[idx].attrGet("href"))
        if not href:
            return "<a>"
        if href.startswith("/"):
            return f'<a href="{href}">'
        return f'<a href="{href}" rel="{REL}" target="_blank">'

    def fence(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: Env) -> str:
        token = tokens[idx]
        language = token.info.split(maxsplit=1)[0].lower() if token.info.strip() else ""
        size = env.get("highlighted", 0) + len(token.content)
        if language not in LANGUAGES or size > HIGHLIGHTED:
            return f"<pre><code>{escape(token.content)}</code></pre>\n"
        env["highlighted"] = size
        lexer = get_lexer_by_name(language, stripnl=False)
        code = highlight(token.content, lexer, _highlighting)
        return f'<pre class="code"><code>{code}</code></pre>\n'


_highlighting = HtmlFormatter(nowrap=True, classprefix="code-")
_markdown = MarkdownIt("zero", {"breaks": True, "maxNesting": NESTING}, renderer_cls=_Renderer)
_markdown.inline.ruler.before("escape", "mention", _mention)
_markdown.inline.ruler.before("escape", "address", _address)
_markdown.enable(RULES)
_markdown.validateLink = _leads_somewhere  # type: ignore[method-assign]
