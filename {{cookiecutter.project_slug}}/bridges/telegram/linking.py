"""Who is who: a person's account is linked to their chat by a code that works once."""

import re
import secrets
from datetime import timedelta
from hashlib import sha256
from typing import Any

from allauth.account.signals import password_changed, password_reset
from django.conf import settings
from django.core import checks
from django.db import transaction
from django.db.models import Q
from django.dispatch import receiver
from django.utils import timezone

from accounts.models import User
from bridges.telegram.models import Bot, Code, Link, Post, bot_id

CODE_MINUTES = 10
CODE_BYTES = 24
TOKEN = re.compile(r"[0-9]{3,20}:[\w-]{30,80}", re.ASCII)


def bot() -> Bot | None:
    """The site's bot; None until `manage.py runtelegram` has asked Telegram for its name."""
    number = bot_id()
    return Bot.objects.filter(pk=number).first() if number.isdecimal() else None


@transaction.atomic
def remember_bot(number: int, username: str) -> None:
    """Keep the bot's name. Another than before numbers the messages of each chat anew."""
    if Bot.objects.exclude(pk=number).delete()[0]:
        Post.objects.all().delete()
        Link.objects.update(seen=0)
    Bot.objects.update_or_create(id=number, defaults={"username": username})


def new_code(user: User) -> str:
    """A code that links the chat it is sent from, once, within `CODE_MINUTES`.

    The person's former code works no more.
    """
    code = secrets.token_urlsafe(CODE_BYTES)
    expires_at = timezone.now() + timedelta(minutes=CODE_MINUTES)
    given = {"digest": _digest(code), "expires_at": expires_at, "chat_id": None}
    Code.objects.update_or_create(user=user, defaults=given)
    return code


@transaction.atomic
def link(code: str, chat_id: int, name: str) -> User | None:
    """Link a chat to the person of the code, and to nobody else; None if the code does not work.

    The chat that has used a code may use it again: Telegram delivers messages twice.
    """
    codes = Code.objects.select_for_update(of=("self",)).select_related("user")
    found = codes.filter(
        Q(chat_id=None) | Q(chat_id=chat_id),
        digest=_digest(code),
        expires_at__gt=timezone.now(),
        user__is_active=True,
    ).first()
    if found is None:
        return None
    found.chat_id = chat_id
    found.save(update_fields=["chat_id"])
    if not Link.objects.filter(user=found.user, chat_id=chat_id).exists():
        Link.objects.filter(Q(user=found.user) | Q(chat_id=chat_id)).delete()
        Link.objects.create(user=found.user, chat_id=chat_id, name=name)
    return found.user


def unlink(user: User) -> None:
    """Forget a person's chat and code; harmless where there is none."""
    Code.objects.filter(user=user).delete()
    Link.objects.filter(user=user).delete()


@checks.register
def check_token(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:  # Any: Django's
    """System check: the token looks like one. It is not shown, since it is a secret."""
    if not settings.TELEGRAM_TOKEN or TOKEN.fullmatch(settings.TELEGRAM_TOKEN):
        return []
    return [
        checks.Error(
            "TELEGRAM_TOKEN is not the token of a bot.",
            hint="Copy it as @BotFather gave it: digits, a colon, and letters and digits.",
            id="telegram.E001",
        )
    ]


def _digest(code: str) -> str:
    return sha256(code.encode(errors="replace")).hexdigest()


@receiver([password_changed, password_reset])
def _password_changed(user: User, **kwargs: Any) -> None:  # Any: a signal sends what it likes
    """End what an intruder may have linked."""
    unlink(user)
