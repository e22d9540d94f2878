"""How the page reads a message: chat/static/chat/text.js in Chromium.

The bake's chat/tests/test_text.py tries the same examples on the server.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.environment import SOURCE
from tests.pages import SITE, serve_source

EXAMPLES = json.loads((SOURCE / "chat" / "tests" / "mentions.json").read_text(encoding="utf-8"))
LONGEST_CHARACTERS = 4_000
HOSTILE = [
    *("@", "@a", "@a.", "@a-", "@a/", "@.", "a@", "@@a", "@" + "a" * 399, "@a" + "." * 398),
    *("http://", "http://a", "http://.", "http://a.", "http://a)", "http://(", "h", "://", "http"),
    *("http://a/" + "." * 2_660 + ")" * 1_331, "http://a/" + "(" * 1_995 + ")" * 1_996),
    *("http://a/" + ".)" * 1_995, "http://a " * 4 + "@", "http://" + ")" * 393, "\n", "a\n", "é@"),
]

HARNESS = """
import { finds, renderText } from "/chat/text.js";

window.finds = (text) =>
  Array.from(finds(text), ({ start, end, name }) => [text.slice(start, end), name]);

// Renders a text as the page does, and returns its words, links and mentions.
window.render = (text, names) => {
  const holder = document.createElement("div");
  holder.append(renderText(text, { mentions: names, you: "ada" }));
  const words = (selector) =>
    Array.from(holder.querySelectorAll(selector), ({ textContent }) => textContent);
  const [links, mentions, you] = ["a", ".mention", ".mention--you"].map(words);
  return { text: holder.textContent, links, mentions, you };
};

// How many characters of the text are looked at: the scanner has no other way to them.
window.looks = (text) => {
  let looks = 0;
  const counted = new Proxy(Object(text), {
    get(target, key) {
      if (key === "length") return target.length;
      if (key === "slice") return (from, to) => ((looks += to - from), text.slice(from, to));
      if (typeof key === "string" && /^[0-9]+$/.test(key)) return (looks += 1), text[key];
      throw new Error(`A look at the whole text: ${String(key)}`);
    },
  });
  for (const found of finds(counted)) void found;
  return looks;
};
window.ready = true;
"""


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    context.set_default_timeout(20_000)
    page = context.new_page()
    serve_source(page, HARNESS)
    page.goto(f"{SITE}/")
    page.wait_for_function("window.ready")
    yield page
    context.close()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["text"])
def test_the_page_finds_the_mentions_and_addresses_that_the_server_finds(
    page: Page, example: dict[str, Any]
) -> None:
    found = page.evaluate("text => finds(text)", example["text"])
    assert [name for _, name in found if name is not None] == example["mentions"]
    assert [text for text, name in found if name is None] == example["links"]


@pytest.mark.parametrize("shape", HOSTILE, ids=range(len(HOSTILE)))
def test_a_message_is_read_in_a_few_looks_at_each_character(page: Page, shape: str) -> None:
    body = shape * (LONGEST_CHARACTERS // len(shape))
    assert page.evaluate("text => looks(text)", body) <= 8 * LONGEST_CHARACTERS
    assert page.evaluate("text => render(text, ['a']).text", body) == body


def test_members_stand_out_and_other_words_are_plain(page: Page) -> None:
    text = "<b>@Ada</b> @grace @nobody https://a.b/@ada"
    assert page.evaluate("text => render(text, ['ada', 'grace'])", text) == {
        "text": text,
        "links": ["https://a.b/@ada"],
        "mentions": ["@Ada", "@grace"],
        "you": ["@Ada"],
    }
