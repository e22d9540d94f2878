"""Ending sockets with the sign-in that they were opened by."""

from collections.abc import Iterable
from typing import Any  # Any: a signal sends what it likes

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.signals import user_logged_out
from django.db.models.signals import post_delete, post_save
from django.http import HttpRequest

from realtime.delivery.publishing import recheck, sign_out


def connect_signals() -> None:
    """End sockets at once where Django says that a sign-in may have ended."""
    user_logged_out.connect(_logged_out)
    post_save.connect(_user_saved, sender=settings.AUTH_USER_MODEL)
    post_delete.connect(_user_saved, sender=settings.AUTH_USER_MODEL)


def _logged_out(request: HttpRequest | None, user: AbstractBaseUser | None, **kwargs: Any) -> None:
    if user is None:
        return
    if request is None:  # `channels.auth.logout`, which then ends the session of its scope
        recheck(user.pk)
    elif request.session.session_key:
        sign_out(user.pk, request.session.session_key)


def _user_saved(
    instance: AbstractBaseUser,
    created: bool = False,
    update_fields: Iterable[str] | None = None,
    **kwargs: Any,
) -> None:
    if not created and set(update_fields or ("password",)) & {"password", "is_active"}:
        recheck(instance.pk)
