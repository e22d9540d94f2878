"""The contract as AsyncAPI 3.0: https://www.asyncapi.com/docs/reference/specification/v3.0.0."""

import json
import re
from collections.abc import Iterable
from functools import cache
from typing import Any

import msgspec
from django.conf import settings

from realtime.contract.kinds import Kind, kinds
from realtime.protocol import ID_CHARACTERS, PROTOCOL, CloseCode, Error, Left, Nothing

SCHEMAS = "#/components/schemas/"
CHANGES = ("changes", "reset")
"""What answers a command whose answer is None."""

Json = dict[str, Any]  # Any: JSON


@cache
def document() -> Json:
    """The document: a channel for each kind of topic, an operation for each command."""
    types = [Nothing, Error, Left]
    for kind in kinds():
        types += kind.events.values()
        for command in kind.commands:
            types += [command.data, Nothing if command.answer is None else command.answer]
    schemas, components = msgspec.json.schema_components(types, ref_template=SCHEMAS + "{name}")
    by_type = dict(zip(map(repr, types), schemas, strict=True))

    def schema(data_type: Any) -> Json:
        found: Json = by_type[repr(data_type)]
        return found

    made = {
        "asyncapi": "3.0.0",
        "info": {
            "title": f"{settings.SITE_NAME}: {PROTOCOL}",
            "version": "1.0.0",
            "description": "See docs/protocol.md for the order of frames, and how to resume.",
            "x-close-codes": {str(int(code)): code.name.lower() for code in CloseCode},
        },
        "defaultContentType": "application/json",
        "servers": {
            "site": {
                "host": "{host}",
                "pathname": "/ws/",
                "protocol": "wss",
                "description": f"One socket for many topics. Offer the subprotocol {PROTOCOL}.",
                "variables": {"host": {"default": "localhost"}},
                "security": [{"$ref": "#/components/securitySchemes/token"}],
            }
        },
        "channels": {_id(kind): _channel(kind, schema) for kind in kinds()},
        "operations": dict(item for kind in kinds() for item in _operations(kind)),
        "components": {
            "schemas": {_name(name): components[name] for name in sorted(components)},
            "messages": {
                "error": _message("error", schema(Error), ["id", "topic"]),
                "heartbeat": _message("heartbeat", schema(Nothing), ["topic", "rev"]),
                "left": _message("left", schema(Left), ["topic"]),
            },
            "securitySchemes": {
                "token": {"type": "httpApiKey", "name": "X-Session-Token", "in": "header"}
            },
        },
    }
    return _for_every_language(made)


def _channel(kind: Kind, schema: Any) -> Json:
    messages = {
        each: {"$ref": f"#/components/messages/{each}"} for each in ("error", "heartbeat", "left")
    }
    for name, data in kind.events.items():
        messages[f"event.{name}"] = _message(name, schema(data), ["topic"], ["rev"])
    for command in kind.commands:
        messages[f"command.{command.name}"] = _message(
            command.name, schema(command.data), ["id", "topic"]
        )
        if command.answer is not None:
            messages[f"answer.{command.name}"] = _message(
                "ok", schema(command.answer), ["id", "topic"]
            )
    channel = {
        "address": kind.topic,
        "description": f"{kind.about} Its own URL is {kind.path}".strip(),
        "messages": messages,
    }
    if kind.parameters:
        channel["parameters"] = {name: {} for name in kind.parameters}
    return channel


def _operations(kind: Kind) -> Iterable[tuple[str, Json]]:
    channel = {"$ref": f"#/channels/{_id(kind)}"}

    def messages(*names: str) -> list[Json]:
        return [{"$ref": f"#/channels/{_id(kind)}/messages/{name}"} for name in names]

    events = [f"event.{name}" for name in kind.events]
    yield (
        f"{_id(kind)}.events",
        {"action": "send", "channel": channel, "messages": messages(*events, "heartbeat", "left")},
    )
    for command in kind.commands:
        answers = [f"answer.{command.name}"]
        if command.answer is None:
            answers = [f"event.{each}" for each in CHANGES if each in kind.events]
        yield (
            f"{_id(kind)}.{command.name}",
            {
                "action": "receive",
                "channel": channel,
                "messages": messages(f"command.{command.name}"),
                "reply": {"channel": channel, "messages": messages(*answers, "error")},
            },
        )


def _message(type: str, data: Json, required: list[str], also: Iterable[str] = ()) -> Json:
    parts = {
        "id": {"type": "string", "maxLength": ID_CHARACTERS},
        "topic": {"type": "string"},
        "rev": {"type": "integer"},
    }
    return {
        "name": type,
        "payload": {
            "type": "object",
            "required": [*required, "type", "data"],
            "properties": {
                "type": {"const": type},
                **{name: parts[name] for name in [*required, *also]},
                "data": data,
            },
        },
    }


def _id(kind: Kind) -> str:
    return re.sub(r"\W+", ".", kind.topic).strip(".")


def _for_every_language(made: Json) -> Json:
    """With references to schemas by identifiers, and patterns that are not Python's alone."""
    text = json.dumps(made, ensure_ascii=False).replace("\\\\A", "^").replace("\\\\Z", "$")
    reference = re.compile(f'"{SCHEMAS}([^"]+)"')
    again: Json = json.loads(reference.sub(lambda found: f'"{SCHEMAS}{_name(found[1])}"', text))
    return again


def _name(name: str) -> str:
    """An identifier for a schema: msgspec gives `chat.frames.Welcome` where there are several."""
    return "".join(word[:1].upper() + word[1:] for word in re.split(r"[^a-zA-Z0-9]+", name))
