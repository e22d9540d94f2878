"""The kinds of topic that the site serves, with the types of their commands and events."""

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from importlib import import_module
from inspect import cleandoc
from typing import Any, NamedTuple, get_origin
from uuid import UUID

from channels.routing import URLRouter
from django.db import models
from django.urls import URLPattern
from msgspec import defstruct

from realtime.consumers import Consumer, Reply
from realtime.feeds.consumer import ItemPage
from realtime.feeds.models import FeedItem
from realtime.protocol import Nothing

ROUTING = "config.routing"
PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")
COLUMNS: "dict[type[models.Field[Any, Any]], Any]" = {
    models.BooleanField: bool,
    models.IntegerField: int,
    models.FloatField: float,
    models.DecimalField: Decimal,
    models.DateTimeField: datetime,
    models.DateField: date,
    models.UUIDField: UUID,
    models.JSONField: Any,
}
"""The type of what frames have of a column, by the first that fits; of any other it is text."""


class Command(NamedTuple):
    name: str
    data: Any  # Any: types, here and below
    answer: Any
    """The type of the data of `ok`; None for a `changes` or a `reset` instead."""


class Kind(NamedTuple):
    """A route of `websocket_urlpatterns` with a consumer of `realtime.v1`."""

    path: str
    """Its own URL, such as `/ws/chat/{slug}/`."""
    consumer: type[Consumer]

    @property
    def topic(self) -> str:
        """The name by which it is joined at `/ws/`, such as `chat:{slug}`."""
        return self.path.strip("/").partition("/")[2].replace("/", ":")

    @property
    def prefix(self) -> str:
        return self.topic.partition(":")[0]

    @property
    def about(self) -> str:
        own = vars(self.consumer).get("__doc__") or ""
        return cleandoc(own).partition("\n\n")[0].replace("\n", " ")

    @property
    def parameters(self) -> list[str]:
        return re.findall(r"{(\w+)}", self.path)

    @property
    def commands(self) -> Iterator[Command]:
        for name, known in sorted(self.consumer.commands.items()):
            answer = None if known.answer is Reply else self._type(known.answer)
            yield Command(name, known.decoder.type, answer)

    @property
    def events(self) -> dict[str, Any]:
        return {name: self._type(data) for name, data in sorted(self.consumer.events.items())}

    def _type(self, declared: Any) -> Any:
        if declared in (None, type(None)):
            return Nothing
        if declared is object:
            return Any
        if (get_origin(declared) or declared) is ItemPage:
            return ItemPage[item_type(self.consumer.item_model)]  # type: ignore[attr-defined,misc]
        if isinstance(declared, type) and issubclass(declared, FeedItem):
            return item_type(declared)
        return declared


@cache
def kinds() -> Sequence[Kind]:
    """Every kind of topic, by its path."""
    every = _kinds("/", import_module(ROUTING).websocket_urlpatterns)
    return sorted(every, key=lambda kind: kind.path)


def _kinds(prefix: str, routes: Sequence[URLPattern]) -> Iterator[Kind]:
    for route in routes:
        path = prefix + PARAMETER.sub(r"{\1}", str(route.pattern))
        application: Any = route.callback  # Any: a view, as Django has it
        consumer = getattr(application, "consumer_class", None)
        if isinstance(application, URLRouter):
            yield from _kinds(path, application.routes)
        elif isinstance(consumer, type) and issubclass(consumer, Consumer):
            yield Kind(path, consumer)


@cache
def item_type(model: type[FeedItem]) -> Any:
    """The type of what `as_data` gives: as it is annotated, or with a field for each it sends."""
    declared = model.as_data.__annotations__.get("return", Any)
    if model.as_data is not FeedItem.as_data:
        return declared
    sent = ["seq", "rev", *model.sent, "deleted_at"]
    fields = [(name, _column_type(model._meta.get_field(name))) for name in sent]
    if model.template_name:
        fields += [("pk", _column_type(model._meta.pk)), ("html", str)]
    return defstruct(model.__name__, fields, module=model.__module__)


def _column_type(field: Any) -> Any:  # Any: Django's own types of fields do not say
    column = field
    while column.remote_field:
        column = column.target_field
    known = (kind for base, kind in COLUMNS.items() if isinstance(column, base))
    kind: Any = next(known, str)
    return kind | None if field.null and kind is not Any else kind
