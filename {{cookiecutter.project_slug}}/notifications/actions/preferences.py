"""Choosing what to be told of."""

from django.db import transaction

from accounts.models import User
from notifications import kinds
from notifications.actions.locking import inbox_of
from notifications.levels import Level, TargetLevel
from notifications.models import Inbox, KindPreference, TargetPreference
from notifications.targets import target_for
from realtime.protocol import ErrorCode, Refusal


def set_preference(user: User, kind: str, level: str) -> None:
    """Choose how much to hear of a kind of notification.

    Raises:
        Refusal: `invalid` (no such level), `not_found` (no such kind).
    """
    _check(level, Level.values)
    try:
        kinds.get(kind)
    except kinds.UnknownKind:
        raise Refusal(ErrorCode.NOT_FOUND, "There is no such kind of notification.") from None
    KindPreference.objects.update_or_create(user=user, kind=kind, defaults={"level": level})


def set_target_preference(user: User, target: str, level: str) -> None:
    """Choose how much to hear of a target, such as a room.

    Raises:
        Refusal: `invalid` (no such level), `not_found` (no such target in the user's reach).
    """
    _check(level, TargetLevel.values)
    key = target_for(user, target).key
    with transaction.atomic():
        if level == TargetLevel.MENTIONS:  # as where nothing is chosen
            TargetPreference.objects.filter(user=user, target=key).delete()
        else:
            TargetPreference.objects.update_or_create(
                user=user, target=key, defaults={"level": level}
            )


def set_digest(user: User, wanted: bool) -> None:
    """Choose whether to be e-mailed about what stays unread."""
    inbox_of(user.pk)
    Inbox.objects.filter(user=user).update(digest=wanted)


def _check(level: str, levels: list[str]) -> None:
    if level not in levels:
        raise Refusal(ErrorCode.INVALID, f"A level is one of {', '.join(levels)}.")
