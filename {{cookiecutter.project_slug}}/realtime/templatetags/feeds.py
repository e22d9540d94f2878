"""Feeds in templates: `feed board.cards`."""

from typing import Any

from django import template
from django.forms.utils import flatatt
from django.utils.html import format_html
from django.utils.safestring import SafeString

from realtime.feeds.consumer import FeedConsumer
from realtime.feeds.reading import latest

register = template.Library()


@register.simple_tag
def feed(
    items: Any, element: str = "ul", shown: int = FeedConsumer.page_items, **attributes: str
) -> SafeString:
    """The latest items of a feed, in an element that stays in step with it; it needs no script.

    Args:
        items: the feed's related manager, such as `board.cards`; its model has a `template_name`.
        element: what the list is: `ul`, or `ol`, `div`, `tbody`.
        shown: how many items at most, as many as the `page_items` of the feed's consumer.
        attributes: of that element, such as `class="cards"`.
    """
    found, _ = latest(items.filter(deleted_at=None), shown)
    elements = SafeString("".join(item.html for item in reversed(found)))
    attributes = {"data-feed": items.instance.topic, "data-shown": str(shown), **attributes}
    return format_html("<{0}{1}>{2}</{0}>", element, flatatt(attributes), elements)
