"""Choosing what to be told of."""

from django.db import transaction

from accounts.models import User
from notifications import kinds
from notifications.kinds import Level, TargetLevel
from notifications.models import Inbox, KindPreference, TargetPreference
from realtime.protocol import ErrorCode, Refusal
from realtime.topics import topic_of


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
    topic = topic_of(target)
    if topic is None or not topic.names_for(user.pk, [topic.key(target)]):
        raise Refusal(ErrorCode.NOT_FOUND, f"There is no {target} that you can follow.")
    with transaction.atomic():
        if level == TargetLevel.MENTIONS:  # as where nothing is chosen
            TargetPreference.objects.filter(user=user, target=target).delete()
        else:
            TargetPreference.objects.update_or_create(
                user=user, target=target, defaults={"level": level}
            )


def set_digest(user: User, wanted: bool) -> None:
    """Choose whether to be e-mailed about what stays unread."""
    Inbox.get_or_make([user.pk])
    Inbox.objects.filter(user=user).update(digest=wanted)


def _check(level: str, levels: list[str]) -> None:
    if level not in levels:
        raise Refusal(ErrorCode.INVALID, f"A level is one of {', '.join(levels)}.")
