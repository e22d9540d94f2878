"""The contract with clients: what it says, and that no event breaks it."""

import json
import re
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.test import Client as Browser
from django.urls import path

from accounts.models import User
from chat import actions
from config import routing
from realtime.contract.asyncapi import document
from realtime.contract.checking import BrokenContract
from realtime.contract.kinds import item_type, kinds
from realtime.contract.typescript import declarations, expression
from realtime.delivery.publishing import publish
from realtime.feeds.consumer import FeedConsumer
from realtime.management.commands.startrealtime import renew_contract
from realtime.starting.boards.consumers import BoardConsumer
from realtime.starting.boards.models import Board, Card
from realtime.starting.notices.consumers import NoticeConsumer


def test_every_kind_of_topic_is_a_channel() -> None:
    channels = document()["channels"]

    assert {"chat", "chat.slug"} <= channels.keys()
    assert "notifications" in channels
    assert "presence" in channels
    room = channels["chat.slug"]
    assert room["address"] == "chat:{slug}"
    assert room["description"] == "One person in one room. Its own URL is /ws/chat/{slug}/"
    assert room["parameters"] == {"slug": {}}
    assert room["messages"]["command.message.edit"]["payload"] == {
        "type": "object",
        "required": ["id", "topic", "type", "data"],
        "properties": {
            "type": {"const": "message.edit"},
            "id": {"type": "string", "maxLength": 64},
            "topic": {"type": "string"},
            "data": {"$ref": "#/components/schemas/EditMessage"},
        },
    }


def test_two_routes_of_one_path_are_two_kinds_in_their_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    consumers = [NoticeConsumer, BoardConsumer]
    routes = [path("ws/plan/", each.as_asgi()) for each in consumers]
    monkeypatch.setattr(routing, "websocket_urlpatterns", routes)

    assert [*kinds.__wrapped__()] == [
        ("/ws/plan/", NoticeConsumer),
        ("/ws/plan/", BoardConsumer),
    ]


def test_a_command_is_an_operation_that_is_answered() -> None:
    operations = document()["operations"]

    messages = "#/channels/chat.slug/messages"
    assert operations["chat.slug.message.send"] == {
        "action": "receive",
        "channel": {"$ref": "#/channels/chat.slug"},
        "messages": [{"$ref": f"{messages}/command.message.send"}],
        "reply": {
            "channel": {"$ref": "#/channels/chat.slug"},
            "messages": [
                {"$ref": f"{messages}/answer.message.send"},
                {"$ref": f"{messages}/error"},
            ],
        },
    }
    assert operations["chat.slug.changes"]["reply"]["messages"] == [
        {"$ref": f"{messages}/event.changes"},
        {"$ref": f"{messages}/event.reset"},
        {"$ref": f"{messages}/error"},
    ]


def test_schemas_are_those_of_the_types_in_the_terms_of_every_language() -> None:
    schemas = document()["components"]["schemas"]

    assert schemas["EditMessage"] == {
        "title": "EditMessage",
        "type": "object",
        "properties": {
            "seq": {"type": "integer", "minimum": 0, "maximum": 9007199254740991},
            "body": {"type": "string", "pattern": "^[^\\x00]*$"},
        },
        "required": ["seq", "body"],
        "additionalProperties": False,
    }
    welcome = document()["channels"]["chat.slug"]["messages"]["event.welcome"]["payload"]
    schema = welcome["properties"]["data"]["$ref"].removeprefix("#/components/schemas/")
    assert schemas[schema]["properties"]["members"] == {
        "type": "array",
        "items": {"$ref": "#/components/schemas/ReaderPerson"},
    }


def test_types_of_typescript_are_of_the_same() -> None:
    text = declarations(document())

    assert "interface ReactionData {\n  emoji: string;\n  users: Array<number>;\n}" in text
    assert '      "message.send": { data: SendMessage; answer: MessageData };\n' in text
    assert '      "changes": { data: GetChanges; answer: Changes | Reset };\n' in text
    assert "  [topic: `chat:${string}`]: {\n" in text


@pytest.mark.parametrize(
    ("schema", "written"),
    [
        ({}, "unknown"),
        ({"type": ["integer", "null"]}, "number | null"),
        ({"enum": ["online", 7]}, '"online" | 7'),
        ({"type": "object"}, "Record<string, unknown>"),
        ({"type": "object", "additionalProperties": True}, "Record<string, unknown>"),
        ({"type": "object", "additionalProperties": False}, "Record<string, never>"),
        (
            {"type": "object", "additionalProperties": {"type": "boolean"}},
            "Record<string, boolean>",
        ),
        ({"type": "object", "properties": {"a": {"type": "string"}}}, "{\n  a?: string;\n}"),
        (
            {"type": "object", "properties": {"client-id": {}, "größe": {}, "$a_1": {}, "1a": {}}},
            '{\n  $a_1?: unknown;\n  "1a"?: unknown;\n  "client-id"?: unknown;\n'
            '  "gr\\u00f6\\u00dfe"?: unknown;\n}',
        ),
    ],
)
def test_a_schema_as_a_type(schema: dict[str, object], written: str) -> None:
    assert expression(schema) == written


def test_an_item_has_a_field_for_each_that_it_sends() -> None:
    assert list(item_type(Card).__struct_fields__) == [
        "seq",
        "rev",
        "client_id",
        "title",
        "deleted_at",
        "pk",
        "html",
    ]


def test_events_are_inherited() -> None:
    class BoardConsumer(FeedConsumer[Board]):
        events = {"card.created": Card}

    assert [*BoardConsumer.events] == ["welcome", "changes", "reset", "card.created"]


@pytest.mark.parametrize(
    ("type", "data", "why"),
    [
        (
            "renamed",
            {},
            'chat:plan got an event renamed that its consumer does not declare: add "re',
        ),
        ("member.left", {"user": 1}, "Object missing required field `user_id`. Correct the type"),
        (
            "member.left",
            {"user_id": 1, "by": 2},
            "it has keys or forms that the type does not have",
        ),
    ],
)
def test_an_event_that_breaks_the_contract_is_not_sent(
    type: str, data: dict[str, int], why: str
) -> None:
    with pytest.raises(BrokenContract, match=re.escape(why)):
        publish("chat:plan", type, data)


def test_topics_that_no_route_serves_are_not_checked(db: None) -> None:
    publish("nowhere:plan", "renamed", {})


def test_the_command_writes_both_files_and_finds_stale_ones(
    tmp_path: Path, settings: LazySettings
) -> None:
    settings.BASE_DIR = tmp_path
    (tmp_path / "docs").mkdir()
    with pytest.raises(CommandError, match=r"docs/asyncapi\.json is not what the consumers say"):
        call_command("asyncapi", "--check")

    call_command("asyncapi")
    call_command("asyncapi", "--check")
    assert json.loads((tmp_path / "docs/asyncapi.json").read_text("utf-8")) == document()

    types = tmp_path / "docs/realtime.d.ts"
    types.write_text(types.read_text("utf-8").replace("seq: number", "seq: string", 1), "utf-8")
    with pytest.raises(CommandError, match=r"docs/realtime\.d\.ts is not what the consumers say"):
        call_command("asyncapi", "--check")


def test_a_new_app_brings_the_contract_up_to_date(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "manage.py").write_text("import sys; sys.exit(f'Called with {sys.argv[1:]}.')")
    renew_contract(tmp_path)

    (tmp_path / "docs/asyncapi.json").touch()
    with pytest.raises(
        CommandError, match=r"failed; call it again:\n\nCalled with \['asyncapi'\]\."
    ):
        renew_contract(tmp_path)


def test_the_page_shows_it_to_whoever_is_signed_in(ada: User, client: Browser) -> None:
    actions.create_room(ada, name="General")
    assert client.get("/api/realtime/").headers["Location"].startswith("/accounts/login/")

    client.force_login(ada)
    page = client.get("/api/realtime/").content.decode()
    assert '<a href="#SendMessage">SendMessage</a>' in page
    assert '<pre id="SendMessage"' in page
    assert '<a href="#Changes">Changes</a> | <a href="#Reset">Reset</a>' in page
    assert "chat:{slug}" in page
    assert client.get("/api/realtime/asyncapi.json").json() == document()
    assert "interface SendMessage {" in client.get("/api/realtime/realtime.d.ts").content.decode()
