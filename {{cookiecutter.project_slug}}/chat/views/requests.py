"""What chat's views share."""

from collections.abc import Callable
from typing import ParamSpec

from django.contrib import messages
from django.http import HttpRequest

from realtime.protocol import ErrorCode, Refusal

P = ParamSpec("P")


def attempt(
    request: HttpRequest, action: Callable[P, object], *args: P.args, **kwargs: P.kwargs
) -> bool:
    """Call an action; when it is refused for what the page can tell, show that on the next page.

    Raises:
        Refusal: `forbidden` and `not_found`, which are pages of their own.
    """
    try:
        action(*args, **kwargs)
    except Refusal as refusal:
        if refusal.code in (ErrorCode.FORBIDDEN, ErrorCode.NOT_FOUND):
            raise
        messages.error(request, refusal.detail)
        return False
    return True
