"""The browser's outbox, realtime/static/realtime/outbox.js, in Chromium."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route

from tests.environment import SOURCE

SITE = "http://outbox.test"

HARNESS = """
import { Outbox } from "/realtime/outbox.js";

// Sends each entry to `answer`, and comes back at once when that loses the connection.
window.begin = (answer) => {
  localStorage.clear();
  window.sent = [];
  const send = async ({ body }) => {
    window.sent.push(body);
    const code = answer(body);
    if (!code) return {};
    if (code === "lost") {
      outbox.pause();
      setTimeout(() => outbox.resume());
    }
    throw { code, detail: code };
  };
  const backoff = { next: () => 0, reset() {} };
  const outbox = new Outbox({ user: 1, room: "general", send, backoff });
  window.outbox = outbox;
  outbox.resume();
};
window.ready = true;
"""


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    context.set_default_timeout(10_000)
    page = context.new_page()

    def answer(route: Route) -> None:
        path = route.request.url.removeprefix(SITE)
        if path == "/":
            route.fulfill(body=f"<script type=module>{HARNESS}</script>", content_type="text/html")
        else:
            route.fulfill(path=SOURCE / f"realtime/static{path}")

    page.route("**/*", answer)
    page.goto(f"{SITE}/")
    page.wait_for_function("window.ready")
    yield page
    context.close()


def sent(page: Page, answer: str, *bodies: str) -> Any:  # Any: JSON
    """What was sent, in this order, when nothing is left to send; and what has failed."""
    page.evaluate(f"begin({answer})")
    for body in bodies:
        page.evaluate("body => void outbox.add({ body })", body)
    page.wait_for_function("outbox.entries.every(({ state }) => state === 'failed')")
    return page.evaluate("[sent, outbox.entries.map(({ body }) => body)]")


def test_what_breaks_the_connection_each_time_does_not_hold_up_the_rest(page: Page) -> None:
    """As what is too big for the server, if the close of the server does not arrive."""
    answer = "body => body === 'too big' ? 'lost' : null"
    assert sent(page, answer, "too big", "next") == [["too big"] * 5 + ["next"], ["too big"]]


def test_what_was_lost_now_and_then_arrives(page: Page) -> None:
    page.evaluate("window.losses = 4")
    answer = "() => losses-- > 0 ? 'lost' : null"
    assert sent(page, answer, "first", "next") == [["first"] * 5 + ["next"], []]


def test_an_entry_whose_state_is_unknown_is_sent(page: Page) -> None:
    """As another version of the page may have left it."""
    page.evaluate("begin(() => null)")
    page.evaluate(
        """() => {
          const entry = { client_id: "a", order: 1, state: "sending", body: "old" };
          localStorage.setItem("outbox:1:general:a", JSON.stringify(entry));
          outbox.add({ body: "new" });
        }"""
    )
    page.wait_for_function("outbox.entries.length === 0")
    assert page.evaluate("sent") == ["old", "new"]


def test_an_entry_that_the_full_storage_cannot_change_is_there_once(page: Page) -> None:
    page.evaluate("begin(() => 'invalid')")
    page.evaluate(
        """() => {
          outbox.pause();
          outbox.add({ body: "refused" });
          Storage.prototype.setItem = () => { throw new DOMException("", "QuotaExceededError"); };
          outbox.resume();
        }"""
    )
    page.wait_for_function("outbox.entries.some(({ state }) => state === 'failed')")
    bodies = page.evaluate("outbox.entries.map(({ body }) => body)")
    assert bodies == ["refused"]
