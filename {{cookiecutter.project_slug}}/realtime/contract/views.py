"""The contract as a page, and as the files that `manage.py asyncapi` writes."""

import re
from functools import partial

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from realtime.contract.asyncapi import Json, document
from realtime.contract.typescript import declaration, declarations, rows
from realtime.protocol import PROTOCOL


@require_safe
@login_required
def index(request: HttpRequest) -> HttpResponse:
    contract = document()
    schemas = contract["components"]["schemas"]
    linked = partial(_linked, schemas)
    topics = []
    for channel in contract["channels"].values():
        sent, heard = rows(channel)
        topics.append(
            {
                "channel": channel,
                "commands": [(name, linked(data), linked(answer)) for name, data, answer in sent],
                "events": [(name, linked(data)) for name, data in heard],
            }
        )
    types = {name: linked(declaration(name, schema)) for name, schema in schemas.items()}
    codes = contract["info"]["x-close-codes"]
    context = {"protocol": PROTOCOL, "topics": topics, "types": types, "close_codes": codes}
    return render(request, "realtime/contract.html", context)


@require_safe
@login_required
def asyncapi(request: HttpRequest) -> HttpResponse:
    return JsonResponse(document(), json_dumps_params={"ensure_ascii": False})


@require_safe
@login_required
def types(request: HttpRequest) -> HttpResponse:
    return HttpResponse(declarations(document()), "text/plain; charset=utf-8")


def _linked(schemas: Json, text: str) -> SafeString:
    """`text` as HTML, in which each name of a type leads to it."""
    link = '<a href="#{0}">{0}</a>'
    parts = re.split(r"(\w+)", text)
    pieces = ([format_html(link, each) if each in schemas else each] for each in parts)
    return format_html_join("", "{}", pieces)
