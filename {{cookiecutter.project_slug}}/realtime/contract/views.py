"""The contract as a page, and as the files that `manage.py asyncapi` writes."""

import re
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from realtime.contract.asyncapi import Json, document
from realtime.contract.typescript import declaration, declarations, expression
from realtime.protocol import PROTOCOL


@require_safe
@login_required
def index(request: HttpRequest) -> HttpResponse:
    contract = document()
    schemas = contract["components"]["schemas"]
    return render(
        request,
        "realtime/contract.html",
        {
            "protocol": PROTOCOL,
            "topics": [_topic(channel, schemas) for channel in contract["channels"].values()],
            "types": {
                name: _linked(declaration(name, schema), schemas)
                for name, schema in schemas.items()
            },
            "close_codes": contract["info"]["x-close-codes"],
        },
    )


@require_safe
@login_required
def asyncapi(request: HttpRequest) -> HttpResponse:
    return JsonResponse(document(), json_dumps_params={"ensure_ascii": False})


@require_safe
@login_required
def types(request: HttpRequest) -> HttpResponse:
    return HttpResponse(declarations(document()), "text/plain; charset=utf-8")


def _topic(channel: Json, schemas: Json) -> dict[str, Any]:  # Any: what the template reads
    """A topic with the rows of its tables: a name, and the types of its data and its answer."""
    rows: dict[str, dict[str, str]] = {"command": {}, "event": {}, "answer": {}}
    for key, message in channel["messages"].items():
        side, _, name = key.partition(".")
        if name:
            text = expression(message["payload"]["properties"]["data"])
            rows[side][name] = _linked(text, schemas)
    answers = rows["answer"]
    commands = [(name, data, answers.get(name, "")) for name, data in rows["command"].items()]
    return {**channel, "commands": commands, "events": rows["event"].items()}


def _linked(text: str, schemas: Json) -> SafeString:
    """`text` as HTML, in which each name of a type leads to it."""
    parts = re.split(r"(\w+)", text)
    link = '<a href="#{0}">{0}</a>'
    linked = [[format_html(link, each) if each in schemas else each] for each in parts]
    return format_html_join("", "{}", linked)
