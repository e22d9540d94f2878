"""The contract as types of TypeScript, made of the AsyncAPI document."""

import json
import re

from realtime.contract.asyncapi import CHANGES, SCHEMAS, Json

HEAD = """// The types of the site's frames. `manage.py asyncapi` writes this file.
//
//     type Data = Topics["chat:general"]["commands"]["message.send"]["data"];

"""


PARAMETER = re.compile(r"{\w+}")
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
        lines.append(f"  {name}: {{\n{_channel(channel['messages'])}  }};\n")
    return HEAD + "".join(lines) + "}\n"


def declaration(name: str, schema: Json) -> str:
    """A type by this name."""
    if "properties" not in schema:
        return f"type {name} = {expression(schema)};\n"
    required = schema.get("required", [])
    fields = "".join(
        f"  {key}{'' if key in required else '?'}: {expression(each)};\n"
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
            others = schema.get("additionalProperties")
            return f"Record<string, {expression(others) if isinstance(others, dict) else 'never'}>"
        case {"type": "integer" | "number"}:
            return "number"
        case {"type": "string" | "boolean" | "null" as name}:
            return str(name)
    return "unknown"


def _channel(messages: Json) -> str:
    def data(key: str) -> str:
        return expression(messages[key]["payload"]["properties"]["data"])

    commands = events = ""
    for key in messages:
        side, _, name = key.partition(".")
        if side == "event":
            events += f"      {json.dumps(name)}: {data(key)};\n"
        elif side == "command":
            answers = [f"answer.{name}"] if f"answer.{name}" in messages else CHANGES_EVENTS
            answer = " | ".join({data(each): None for each in answers if each in messages})
            parts = f"data: {data(key)}; answer: {answer or 'unknown'}"
            commands += f"      {json.dumps(name)}: {{ {parts} }};\n"
    return f"    commands: {{\n{commands}    }};\n    events: {{\n{events}    }};\n"
