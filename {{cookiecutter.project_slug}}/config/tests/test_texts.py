"""Every text that people see is marked for translation: see docs/translations.md."""

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets
from django.db.models import Model
from django.template.base import Lexer, Token, TokenType
from django.test import RequestFactory
from django.utils.functional import Promise

from accounts.models import User
from realtime.feeds.models import Feed, FeedItem

FOLDERS = [
    "accounts",
    "bots",
    "bridges",
    "chat",
    "config",
    "notifications",
    "operations",
    "presence",
    "realtime",
    "static",
    "templates",
]
"""Add an app of your own if your site has it in several languages."""
APART = re.compile(r"/(management|migrations|starting|tests)/")
FOR_DEVELOPERS = {"realtime/templates/realtime/contract.html"}
"""What stays English: here because its descriptions are docstrings."""

# Templates -------------------------------------------------------------------

SHOWN_ATTRIBUTES = {"alt", "aria-label", "aria-description", "label", "placeholder", "title"}
WORDS = re.compile(r"[^\W\d_]{2,}")
CAPITALIZED = re.compile(r"^[A-Z][a-z]")
IN_A_TAG = re.compile(r"""[=:]["']([A-Z][a-z][^"']*)["']""")
"""Words given to an include or a filter, and not by `_("...")`."""
STAND_IN = re.compile(r"""\|(?:default|default_if_none|yesno):["']([^"']*)["']""")
"""What a variable shows in the place of its value."""
TRANSLATED = re.compile(r"blocktrans(late)?\b")
CLASS = re.compile(r"[a-z]+--[a-z]+")
LITERAL = {"MQTT", "QR", "Telegram", "from:ada", "in:general", "has:file"}
"""What is the same in every language."""


class Shown(HTMLParser):
    """Collects what people see of a template without its tags."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._element = ""
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._element = tag
        named = dict(attrs)
        if tag == "meta" and named.get("name") == "description":
            self.texts.append(named.get("content") or "")
        for name, value in attrs:
            is_words = name.startswith("data-") and CAPITALIZED.match(value or "")
            if value and (name in SHOWN_ATTRIBUTES or is_words):
                self.texts.append(value)

    def handle_endtag(self, tag: str) -> None:
        self._element = ""

    def handle_data(self, data: str) -> None:
        if self._element not in ("code", "script", "style"):
            self.texts.append(data)


def unmarked_in_template(source: str) -> Iterator[str]:
    rest = until = ""
    given: list[str] = []
    for token in Lexer(source).tokenize():
        if until:
            until = "" if token.contents == until else until
        elif token.token_type == TokenType.TEXT:
            rest += token.contents
        else:
            until = _end_of(token)
            found = IN_A_TAG.findall(token.contents)
            is_text = token.token_type == TokenType.VAR and rest.rfind("<") <= rest.rfind(">")
            found += STAND_IN.findall(token.contents) if is_text else []
            given += dict.fromkeys(found)
    for text in Shown(rest).texts + given:
        words = " ".join(text.split())
        if WORDS.search(words) and words not in LITERAL and not CLASS.fullmatch(words):
            yield words


def _end_of(token: Token) -> str:
    """What ends a block whose content is translated, or is not shown."""
    name = token.contents.split(maxsplit=1)[0] if token.contents else ""
    is_block = token.token_type == TokenType.BLOCK
    return f"end{name}" if is_block and (TRANSLATED.match(name) or name == "comment") else ""


# JavaScript ------------------------------------------------------------------

REGULAR_EXPRESSION = r"(?:(?<=[=,:] )|(?<=\())/(?![/*])(?:\\.|\[(?:\\.|[^\]\\])*\]|[^/\\\[\n])+/"
STRING = r""""(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`"""
QUOTED = r'"(?:\\.|[^"\\\n])*"'
MARKED = re.compile(rf"\bn?gettext\(\s*{QUOTED}(?:\s*,\s*{QUOTED})?(?=\s*[,)])")
NOT_FOUND = re.compile(r"(?<!function )(?<!\.)\bn?gettext\((?=[^)])")
"""What gettext's programs pass over, since the text is not in its place."""
COMMENT = r"//[^\n]*|/\*.*?\*/"
TOKEN = re.compile(rf"{COMMENT}|{REGULAR_EXPRESSION}|(Error\()?({STRING})", re.DOTALL)
SENTENCE = re.compile(r"^\W*[A-Z][a-z]+(\W*$|\W? \w|\W*\$)|[a-z]{2,} [a-z]{2,} [a-z]{2,}")
SHOWN_AS = re.compile(r"\b(textContent|title|ariaLabel|placeholder) = $")
IN_BRACES = re.compile(r"\$\{[^}]*\}")
KEYS = {
    *("Backspace", "Control", "Delete", "End", "Enter", "Escape", "Home", "Shift", "Tab"),
    *("Files", "Mac", "Notification"),  # of the browser
}


def unmarked_in_script(source: str) -> Iterator[str]:
    rest = MARKED.sub("", source)
    yield from NOT_FOUND.findall(rest)
    for match in TOKEN.finditer(rest):
        is_error, text = match[1], (match[2] or "")[1:-1]
        is_shown = SHOWN_AS.search(rest[: match.start()]) and WORDS.search(IN_BRACES.sub("", text))
        if (is_shown or SENTENCE.search(text)) and text not in KEYS and not is_error:
            yield text


# Python ----------------------------------------------------------------------

PLACES = {
    "BadAddress": 0,
    "BadFrame": 0,
    "ValidationError": 0,
    "Refusal": 1,
    "Kind": 1,
    "message_user": 1,
    "add_error": 1,
    "Budget": 3,
}
"""The position of the text among the arguments."""
LEVELS = {"debug", "info", "success", "warning", "error"}
KEYWORDS = {
    *("detail", "label", "help_text", "verbose_name", "verbose_name_plural", "empty_label"),
    *("error_messages", "short_description"),
}
PLACEHOLDER = re.compile(r"%\(\w+\)s|\{\w*\}")


def unmarked_in_code(source: str) -> Iterator[str]:
    tree = ast.parse(source)
    named = {
        target.id: node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and is_text(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        for given in _shown_by(node):
            text = named.get(given.id, given) if isinstance(given, ast.Name) else given
            yield from (ast.unparse(each) for each in _texts_in(text) if is_text(each))


def is_text(node: ast.expr) -> bool:
    """Whether it is words as they stand, such as no `_()` has around them."""
    if isinstance(node, ast.JoinedStr):
        return any(map(is_text, node.values))
    words = PLACEHOLDER.sub("", str(node.value)) if isinstance(node, ast.Constant) else ""
    return bool(WORDS.search(words)) and words not in LITERAL


def _texts_in(node: ast.expr) -> list[ast.expr]:
    """What can become the value of an expression."""
    match node:
        case ast.IfExp():
            return [*_texts_in(node.body), *_texts_in(node.orelse)]
        case ast.BinOp():
            return [*_texts_in(node.left), *_texts_in(node.right)]
        case ast.List() | ast.Tuple():
            return [each for value in node.elts for each in _texts_in(value)]
        case ast.Dict():
            return [each for value in node.values for each in _texts_in(value)]
        case ast.Call(func=ast.Attribute(value=text, attr="format")):
            return _texts_in(text)
    return [node]


def _shown_by(node: ast.AST) -> Iterator[ast.expr]:
    """The arguments of a call, and the values in a class, that people see."""
    if isinstance(node, ast.Call):
        yield from (each.value for each in node.keywords if each.arg in KEYWORDS)
        name = ast.unparse(node.func)
        owner, _, method = name.rpartition(".")
        place = PLACES.get(method)
        if owner == "messages" and method in LEVELS:
            place = 1
        elif owner == "models" and method.endswith("Field"):
            place = 0
        elif name in ("admin.display", "admin.action"):
            yield from (each.value for each in node.keywords if each.arg == "description")
        if place is not None:
            yield from node.args[place : place + 1]
    elif isinstance(node, ast.ClassDef):
        values = [each for each in node.body if isinstance(each, ast.Assign)]
        if any(ast.unparse(base).endswith("Choices") for base in node.bases):
            yield from (each.value.elts[1] for each in values if isinstance(each.value, ast.Tuple))
        for each in values:
            if ast.unparse(each.targets[0]).startswith("verbose_name"):
                yield each.value


# Models ----------------------------------------------------------------------

TECHNICAL = {"epoch", "last_rev", "rev", "seq"}
"""Names that the protocol has, too."""


def unmarked_in_model(model: type[Model]) -> Iterator[str]:
    meta = model._meta
    names = {
        name: meta.original_attrs.get(name) for name in ("verbose_name", "verbose_name_plural")
    }
    if admin.site.is_registered(model):
        page = admin.site.get_model_admin(model)
        request = RequestFactory().get("/")
        request.user = User(is_superuser=True)
        filters = [each[0] if isinstance(each, tuple) else each for each in page.list_filter]
        inside = flatten_fieldsets(page.get_fieldsets(request, model()))
        fields = {each.name: each.verbose_name for each in [*meta.fields, *meta.many_to_many]}
        for name in {*page.list_display, *filters, *inside} - TECHNICAL - {"__str__"}:
            label = getattr(getattr(page, str(name), None), "short_description", None)
            names[str(name)] = fields.get(str(name), label)
    for name, label in names.items():
        if not isinstance(label, Promise):
            yield f"{meta.label}: {name}"


# The tests -------------------------------------------------------------------

FINDERS = {
    ".html": unmarked_in_template,
    ".txt": unmarked_in_template,
    ".js": unmarked_in_script,
    ".py": unmarked_in_code,
}


def files(suffix: str) -> Iterator[Path]:
    for folder in FOLDERS:
        for file in (settings.BASE_DIR / folder).rglob(f"*{suffix}"):
            name = file.relative_to(settings.BASE_DIR).as_posix()
            is_shown = suffix in (".js", ".py") or "templates/" in name
            if is_shown and not APART.search(name) and name not in FOR_DEVELOPERS:
                yield file


@pytest.mark.parametrize("suffix", sorted(FINDERS))
def test_every_text_is_marked(suffix: str) -> None:
    found = [
        f"{file.relative_to(settings.BASE_DIR)}: {text}"
        for file in files(suffix)
        for text in FINDERS[suffix](file.read_text("utf-8"))
    ]
    assert found == []


def test_every_name_in_the_admin_and_in_refusals_is_marked() -> None:
    models = [
        model
        for model in apps.get_models()
        if admin.site.is_registered(model) or issubclass(model, (Feed, FeedItem))
        if model.__module__.split(".")[0] in FOLDERS
        if not APART.search(model.__module__.replace(".", "/"))
    ]
    assert User in models
    assert [text for model in models for text in unmarked_in_model(model)] == []


@pytest.mark.parametrize(
    ("suffix", "source", "found"),
    [
        (".html", "<p>Hello {{ name }}</p>", ["Hello"]),
        (".html", '<p>{% translate "Hello" %} {{ name }} · 7</p>', []),
        (".html", "{% blocktranslate %}Hello {{ name }}{% endblocktranslate %}", []),
        (".html", '<a title="Go on" class="Big"></a>', ["Go on"]),
        (".html", '<a title="{% translate "Go on" %}" data-part="text"></a>', []),
        (".html", '<p data-done="Done now"></p>', ["Done now"]),
        (".html", '{% include "a.html" with help="Letters" kind="wide" %}', ["Letters"]),
        (".html", '{% include "a.html" with help=_("Letters") %}', []),
        (".html", '{{ name|default:"Nobody" }}{{ day|date:"H:i" }}', ["Nobody"]),
        (".html", '<p>{{ is_on|yesno:"on,off" }} {{ name|default:_("nobody") }}</p>', ["on,off"]),
        (".html", "<p class=\"{{ is_on|yesno:'on,off' }}\"></p>", []),
        (".html", "<script>let Some = 'Text here'</script>{# Not this #}", []),
        (".txt", "Hello {{ name }},\n{% url 'home' %}", ["Hello ,"]),
        (".js", 'show("Sent now"); // Not this', ["Sent now"]),
        (".js", 'const text = gettext("Sent now");', []),
        (".js", 'item.title = "off"; item.part = "off"; item.title = `${off}`;', ["off"]),
        (".js", 'ngettext("One thing", "%(count)s things in all", 2)', []),
        (".js", "button.ariaLabel = `Remove ${name}`;", ["Remove ${name}"]),
        (".js", "show(gettext(texts[0]), gettext(one + two))", 2 * ["gettext("]),
        (".js", 'if (event.key === "Enter") throw new Error("Not this one");', []),
        (".py", 'Refusal(ErrorCode.INVALID, "No.")', ["'No.'"]),
        (".py", 'Refusal(ErrorCode.INVALID, _("No."), 5)', []),
        (".py", 'detail = f"No {name}."\nRefusal(code, detail)', ["f'No {name}.'"]),
        (".py", 'messages.info(request, "Done")\nlogger.info(request, "Done")', ["'Done'"]),
        (
            ".py",
            'ValidationError(["No." if a else _("Yes."), "Not %s." % b])',
            ["'No.'", "'Not %s.'"],
        ),
        (".py", 'Kind(NAME, "Sales", "{item}")', ["'Sales'"]),
        (".py", 'models.CharField("bot", help_text=_("What"))', ["'bot'"]),
        (".py", 'class Kind(models.TextChoices):\n    A = "a", "An A"', ["'An A'"]),
        (".py", 'class Meta:\n    verbose_name = "room"', ["'room'"]),
    ],
)
def test_what_is_not_marked_is_found(suffix: str, source: str, found: list[str]) -> None:
    assert list(FINDERS[suffix](source)) == found
