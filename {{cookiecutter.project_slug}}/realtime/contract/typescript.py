"""The contract as types of TypeScript, made of the AsyncAPI document."""

import json
import re
from collections.abc import Mapping

from realtime.contract.asyncapi import CHANGES, SCHEMAS, Json

HEAD = """// The types of the site's frames. `manage.py asyncapi` writes this file.
//
//     type Data = Topics["chat:general"]["commands"]["message.send"]["data"];

"""
PARAMETER = re.compile(r"{\w+}")
IDENTIFIER = re.compile(r"[A-Za-z_$][\w$]*", re.ASCII)
CHANGES_EVENTS = [f"event.{each}" for each in CHANGES]


def declarations(document: Json) -> str:
    """The text of a `.d.ts` file: an interface for each schema, and `Topics` with all of them."""
    schemas = document["components"]["schemas"].items()
    lines = [f"export {declaration(name, schema)}\n" for name, schema in schemas]
    lines.append("export interface Topics {\n")
    for channel in document["channels"].values():
        name = json.dumps(channel["address"])
        if PARAMETER.search(name):
            name = f"[topic: `{PARAMETER.sub('${string}', name[1:-1])}`]"
        commands, events = rows(channel)
        parts = {each: f"{{ data: {data}; answer: {answer} }}" for each, data, answer in commands}
        body = _block("commands", parts) + _block("events", dict(events))
        lines.append(f"  {name}: {{\n{body}  }};\n")
    return HEAD + "".join(lines) + "}\n"


def declaration(name: str, schema: Json) -> str:
    """A type by this name."""
    if "properties" not in schema:
        return f"type {name} = {expression(schema)};\n"
    required = schema.get("required", [])
    fields = "".join(
        f"  {_key(key)}{'' if key in required else '?'}: {expression(each)};\n"
        for key, each in sorted(schema["properties"].items())
    )
    return f"interface {name} {{\n{fields}}}\n"


def expression(schema: Json) -> str:
    """The type that a JSON schema describes; `unknown` where it says nothing."""
    match schema:
        case {"$ref": str(ref)}:
            return ref.removeprefix(SCHEMAS)
        case {"enum": list(values)}:
            return " | ".join(json.dumps(each) for each in values)
        case {"anyOf": list(parts)}:
            return " | ".join(dict.fromkeys(expression(part) for part in parts))
        case {"type": list(names)}:
            return " | ".join(expression({**schema, "type": name}) for name in names)
        case {"type": "array"}:
            return f"Array<{expression(schema.get('items', {}))}>"
        case {"type": "object", "properties": dict(properties)} if properties:
            return declaration("", schema).removeprefix("interface ").strip()
        case {"type": "object"}:
            others = schema.get("additionalProperties", {})
            return f"Record<string, {expression(others) if others is not False else 'never'}>"
        case {"type": "integer" | "number"}:
            return "number"
        case {"type": "string" | "boolean" | "null" as name}:
            return str(name)
    return "unknown"


def rows(channel: Json) -> tuple[list[tuple[str, str, str]], list[tuple[str, str]]]:
    """The commands of a topic, with the types of their data and answers; and its events."""
    types = {
        key: expression(message["payload"]["properties"]["data"])
        for key, message in channel["messages"].items()
        if "payload" in message
    }
    commands, events = [], []
    for key, data in types.items():
        side, _, name = key.partition(".")
        if side == "event":
            events.append((name, data))
        elif side == "command":
            answers = [f"answer.{name}"] if f"answer.{name}" in types else CHANGES_EVENTS
            answer = " | ".join({types[each]: None for each in answers if each in types})
            commands.append((name, data, answer))
    return commands, events


def _key(name: str) -> str:
    return name if IDENTIFIER.fullmatch(name) else json.dumps(name)


def _block(name: str, entries: Mapping[str, str]) -> str:
    lines = "".join(f"      {json.dumps(each)}: {text};\n" for each, text in entries.items())
    return f"    {name}: {{\n{lines}    }};\n"
