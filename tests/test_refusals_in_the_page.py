"""What waits to be sent: realtime/static/realtime/outbox.js and socket.js in Chromium.

The server is a stand-in that answers as the test says.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.pages import SITE, serve_source

Json = dict[str, Any]  # Any: JSON

HARNESS = """
import { Outbox } from "/realtime/outbox.js";
import { RequestError, Socket } from "/realtime/socket.js";

localStorage.clear();
window.sent = [];
window.answers = {}; // By body: the code of an error, or how else the sending ends.

const send = async ({ body }) => {
  window.sent.push(body);
  const answer = window.answers[body] ?? window.answers.everything;
  if (answer === "nothing") throw undefined;
  if (answer === "exception") throw new TypeError("It cannot be encoded.");
  if (answer) throw new RequestError({ code: answer, detail: `It is ${answer}.` });
};
window.begin = () => {
  const backoff = { next: () => 0.01, reset() {} };
  window.outbox = new Outbox({ user: 1, room: "a", send, backoff });
  window.outbox.resume();
};
window.waiting = () =>
  window.outbox.entries.map(({ body, state, detail }) => [body, state, detail]);

window.open = () => {
  window.frames_ = [];
  class Wire {
    readyState = 1;
    constructor() {
      window.wire = this;
      queueMicrotask(() => this.onopen());
    }
    send(text) { window.frames_.push(JSON.parse(text)); }
    close() {}
  }
  window.socket = new Socket("/ws/", { WebSocket: Wire });
  window.socket.connect();
};
window.refused = (data) =>
  socket.request("a", "b", data).then(() => "taken", ({ code, message }) => code ?? message);
window.ready = true;
"""


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    context.set_default_timeout(10_000)
    page = context.new_page()
    faults: list[Exception] = []
    page.on("pageerror", lambda fault: faults.append(fault))
    serve_source(page, HARNESS)
    page.goto(f"{SITE}/")
    page.wait_for_function("window.ready")
    yield page
    context.close()
    assert faults == []


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        ("invalid", "It is invalid."),
        ("too_large", "It is too_large."),
        ("forbidden", "It is forbidden."),
        ("not_found", "It is not_found."),
        ("conflict", "It is conflict."),
        ("unknown_type", "It is unknown_type."),
        ("internal", "It is internal."),
        ("timeout", "It is timeout."),
        ("lost", "It is lost."),
        ("unavailable", "It is unavailable."),
        ("rate_limited", "It is rate_limited."),
        ("not_known_yet", "It is not_known_yet."),
        ("exception", "Something went wrong. Try again, or write it differently."),
        ("nothing", "Something went wrong. Try again, or write it differently."),
    ],
)
def test_no_refusal_holds_up_what_comes_behind_it(page: Page, answer: str, detail: str) -> None:
    page.evaluate("answer => { answers.bad = answers.worse = answer; begin(); }", answer)
    page.evaluate("for (const body of ['bad', 'worse', 'good', 'better']) outbox.add({ body })")

    page.wait_for_function("outbox.entries.every(({ state }) => state === 'failed')")

    assert page.evaluate("waiting()") == [["bad", "failed", detail], ["worse", "failed", detail]]
    assert page.evaluate("sent.slice(-2)") == ["good", "better"]


def test_a_refused_message_is_tried_again_under_its_id_or_thrown_away(page: Page) -> None:
    page.evaluate("answers.bad = answers.worse = 'invalid'; begin();")
    page.evaluate("for (const body of ['bad', 'worse']) outbox.add({ body })")
    page.wait_for_function("outbox.entries.every(({ state }) => state === 'failed')")

    page.evaluate("delete answers.bad; outbox.retry(outbox.entries[0].client_id)")
    page.wait_for_function("outbox.entries.length === 1")
    page.evaluate("outbox.settle(outbox.entries[0].client_id)")

    assert page.evaluate("waiting()") == []
    assert page.evaluate("sent") == ["bad", "worse", "bad"]


@pytest.mark.parametrize("answer", ["unavailable", "rate_limited"])
def test_messages_wait_in_their_order_for_a_server_that_is_busy(page: Page, answer: str) -> None:
    page.evaluate("answer => { answers.everything = answer; begin(); }", answer)
    page.evaluate("for (const body of ['one', 'two', 'three']) outbox.add({ body })")
    page.wait_for_function("sent.filter((body) => body === 'three').length >= 3")
    assert [state for _, state, _ in page.evaluate("waiting()")] == ["pending"] * 3

    page.evaluate("sent.length = 0; delete answers.everything")

    page.wait_for_function("outbox.entries.length === 0")
    assert page.evaluate("sent") == ["one", "two", "three"]


def test_what_a_damaged_storage_holds_does_not_stop_the_rest(page: Page) -> None:
    page.evaluate(
        """(damaged) => {
          for (const [id, entry] of Object.entries(damaged))
            localStorage.setItem(`outbox:1:a:${id}`, entry);
        }""",
        {
            "a": "{",
            "b": "1",
            "c": "null",
            "d": '{"client_id": "d", "body": "no order"}',
            "e": '{"client_id": "e", "order": 1, "body": 1}',
            "f": '{"client_id": "f", "order": 1, "body": "no files", "attachments": 1}',
            "g": '{"client_id": "g", "order": 1, "body": "no file", "attachments": [null]}',
        },
    )
    page.evaluate("begin(); outbox.add({ body: 'good' })")
    page.wait_for_function("outbox.entries.length === 0")
    assert page.evaluate("sent") == ["good"]


@pytest.mark.parametrize(
    ("joined", "code"), [(False, "lost"), (True, "not_found")], ids=["joining", "joined"]
)
def test_a_command_between_two_joins_may_be_sent_again(page: Page, joined: bool, code: str) -> None:
    page.evaluate("open(); window.topic = socket.topic('a'); topic.join()")
    page.wait_for_function("topic.state === 'joining'")
    heard = "wire.onmessage({ data: JSON.stringify(%s) });"
    welcome = heard % "{ topic: 'a', type: 'welcome', data: {} }"
    refused = heard % (
        "{ id: frames_.at(-1).id, topic: 'a', type: 'error', data: { code: 'not_found' } }"
    )
    if joined:
        page.evaluate(welcome)
    answered = page.evaluate(
        "() => { const answer = topic.request('b').catch(({ code }) => code);"
        f"{refused} {welcome} return answer; }}"
    )
    assert answered == code


def test_a_request_that_gets_no_answer_ends(page: Page) -> None:
    page.clock.install()
    page.evaluate("open()")
    page.wait_for_function("socket.isOpen")
    page.evaluate("void refused({}).then((code) => (window.code = code))")
    page.clock.run_for(16_000)
    assert page.evaluate("code") == "timeout"


def test_a_request_that_cannot_be_sent_is_rejected_and_the_next_one_goes(page: Page) -> None:
    page.evaluate("open()")
    page.wait_for_function("socket.isOpen")
    assert "BigInt" in page.evaluate("refused({ number: 1n })")
    assert page.evaluate("refused({ body: 'x'.repeat(70000) })") == "too_large"
    assert page.evaluate("refused({ body: '💥'.repeat(17000) })") == "too_large"
    page.evaluate("void refused({ body: 'fine' })")
    assert page.evaluate("frames_.map(({ data }) => data.body)") == ["fine"]


def test_a_request_on_a_connection_that_closes_is_lost_and_is_not_sent(page: Page) -> None:
    page.evaluate("open()")
    page.wait_for_function("socket.isOpen")
    page.evaluate("wire.readyState = 2")
    assert page.evaluate("refused({})") == "lost"
    assert page.evaluate("frames_") == []
