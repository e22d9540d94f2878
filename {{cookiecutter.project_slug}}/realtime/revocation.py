"""Ending sockets with the sign-in that they were opened by."""

from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any  # Any: a signal sends what it likes

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.signals import user_logged_out
from django.db.models import CharField, Value
from django.db.models.functions import Cast
from django.db.models.signals import post_delete, post_save
from django.http import HttpRequest
from django.utils import timezone

from realtime.publishing import recheck, sign_out

if TYPE_CHECKING:
    from realtime.gateway import Connection


def signed_out(connections: Sequence["Connection"]) -> list["Connection"]:
    """Those whose session ended, or whose user was deactivated, deleted or changed the password.

    One query, whatever the number of sockets: `queryset.update()` and expiry send no signal, so
    this is asked once a period for all of them.
    """
    sessions = import_module(settings.SESSION_ENGINE).SessionStore.get_model_class().objects
    users = get_user_model()._default_manager
    live_sessions = sessions.filter(
        session_key__in={c.session_key for c in connections}, expire_date__gt=timezone.now()
    ).values_list("session_key", Value(""))
    active_users = (
        users.order_by()
        .filter(pk__in={c.user_id for c in connections}, is_active=True)
        .values_list(Cast("pk", CharField()), "password")
    )
    live = set(live_sessions.union(active_users, all=True))
    return [
        connection
        for connection in connections
        if (connection.session_key, "") not in live
        or (str(connection.user_id), connection.password) not in live
    ]


def connect_signals() -> None:
    """End sockets at once where Django says that a sign-in may have ended."""
    user_logged_out.connect(_logged_out)
    post_save.connect(_user_saved, sender=settings.AUTH_USER_MODEL)
    post_delete.connect(_user_saved, sender=settings.AUTH_USER_MODEL)


def _logged_out(request: HttpRequest, user: AbstractBaseUser | None, **kwargs: Any) -> None:
    if user is not None and request.session.session_key:
        sign_out(user.pk, request.session.session_key)


def _user_saved(
    instance: AbstractBaseUser,
    created: bool = False,
    update_fields: Iterable[str] | None = None,
    **kwargs: Any,
) -> None:
    if not created and set(update_fields or ("password",)) & {"password", "is_active"}:
        recheck(instance.pk)
