"""A Bot API on this machine to test with: long polls with offsets, and failures on purpose.

It needs nothing but Python, so that it serves tests of other processes too.
"""

import json
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic
from typing import Any
from urllib.parse import parse_qsl

TOKEN = "123456:only-for-tests-only-for-tests-only"
PATIENCE_SECONDS = 90  # a task that failed runs again after 30
DESCRIPTIONS = {
    401: "Unauthorized",
    403: "Forbidden: bot was blocked by the user",
    409: "Conflict: terminated by other getUpdates request",
    429: "Too Many Requests",
}

Json = dict[str, Any]  # Any: JSON
Fault = int | str | None
"""A status; `drop`, no answer; `lose`, no answer after the work is done; None, for no fault."""


class BotApi(ThreadingHTTPServer):
    """Hands out `updates` until their offset is confirmed; keeps what the bot has `sent`."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, port: int = 0) -> None:
        self.token = TOKEN
        self.updates: list[Json] = []
        self.confirmed = 0
        """The updates below this offset will not come again."""
        self.sent: dict[int, Json] = {}
        """By their ids, the bot's messages as they are now."""
        self.calls: list[tuple[str, Json]] = []
        self.faults: defaultdict[str, list[Fault]] = defaultdict(list)
        """By method, how its next calls go wrong."""
        self.retry_after: float = 1
        self.blocked: set[int] = set()
        self.pollers = 0
        self.changed = threading.Condition()
        self._last_id = 0
        super().__init__(("127.0.0.1", port), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    # What people do

    def say(self, chat_id: int, text: str | None = None, **more: object) -> Json:
        """Somebody writes to the bot; their private chat has their own id. Returns the message."""
        message = {
            "message_id": self._new_id(),
            "date": 1_700_000_000,
            "chat": {"id": chat_id, "type": "private" if chat_id > 0 else "group"},
            "from": {"id": abs(chat_id), "is_bot": False, "first_name": "A", "username": "a_name"},
            **({} if text is None else {"text": text}),
            **more,
        }
        self._update("message", message)
        return message

    def edit(self, message: Json, text: str) -> None:
        self._update("edited_message", {**message, "text": text, "edit_date": 1_700_000_001})

    # What tests ask

    def texts(self, chat_id: int) -> list[str]:
        """What the chat shows of the bot."""
        return [each["text"] for each in list(self.sent.values()) if each["chat_id"] == chat_id]

    def wait(self, condition: Callable[[], bool]) -> None:
        with self.changed:
            done = self.changed.wait_for(condition, PATIENCE_SECONDS)
        assert done, (len(self.sent), len(self.updates), self.updates[:3])

    # The methods of the API

    def get_me(self, **given: str) -> Json:
        return {"id": 123456, "is_bot": True, "first_name": "Bot", "username": "parlour_bot"}

    def get_updates(self, offset: str = "0", timeout: str = "0", **given: str) -> list[Json] | int:
        with self.changed:
            self.confirmed = max(self.confirmed, int(offset))
            self.updates = [u for u in self.updates if u["update_id"] >= self.confirmed]
            self.pollers += 1
            mine = self.pollers
            self.changed.notify_all()
            end = monotonic() + int(timeout)
            while not self.updates and mine == self.pollers and monotonic() < end:
                self.changed.wait(end - monotonic())
            return self.updates[:100] if mine == self.pollers else 409

    def send_message(self, chat_id: str, text: str, **given: str) -> Json | int:
        if int(chat_id) in self.blocked:
            return 403
        if not 0 < len(text) <= 4_096:
            return 400
        with self.changed:
            new_id = self._new_id()
            self.sent[new_id] = {"chat_id": int(chat_id), "text": text, **given}
            self.changed.notify_all()
        return {"message_id": new_id, "date": 1, "chat": {"id": int(chat_id), "type": "private"}}

    def edit_message_text(
        self, chat_id: str, message_id: str, text: str, **given: str
    ) -> bool | int:
        with self.changed:
            message = self.sent.get(int(message_id))
            if message is None or message["text"] == text:
                return 400
            message["text"] = text
            self.changed.notify_all()
        return True

    def _update(self, kind: str, message: Json) -> None:
        with self.changed:
            self.updates.append({"update_id": self._new_id(), kind: message})
            self.changed.notify_all()

    def _new_id(self) -> int:
        with self.changed:
            self._last_id += 1
            return self._last_id


METHODS: dict[str, Callable[..., object]] = {
    "getMe": BotApi.get_me,
    "getUpdates": BotApi.get_updates,
    "sendMessage": BotApi.send_message,
    "editMessageText": BotApi.edit_message_text,
}


class _Handler(BaseHTTPRequestHandler):
    server: BotApi

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        _, bot, method = self.path.split("/")
        given = dict(parse_qsl(body, keep_blank_values=True))
        self.server.calls.append((method, given))
        if bot != f"bot{self.server.token}":
            return self.answer(401)
        faults = self.server.faults[method]
        fault = faults.pop(0) if faults else None
        if isinstance(fault, int):
            return self.answer(fault)
        if fault == "drop":
            return None
        result = METHODS[method](self.server, **given)
        return None if fault == "lose" else self.answer(result)

    def answer(self, result: object) -> None:
        answer: Json = {"ok": True, "result": result}
        status = 200
        if type(result) is int:
            status = result
            answer = {"ok": False, "error_code": status}
            answer["description"] = DESCRIPTIONS.get(status, "Bad Request: no such thing")
            if status == 429:
                answer["parameters"] = {"retry_after": self.server.retry_after}
        data = b"<html>Bad Gateway</html>" if status == 502 else json.dumps(answer).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except OSError:  # who asked is gone
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def bot_api() -> Iterator[BotApi]:
    with BotApi() as api:
        thread = threading.Thread(target=api.serve_forever, args=[0.01])
        thread.start()
        try:
            yield api
        finally:
            api.shutdown()
            thread.join()
