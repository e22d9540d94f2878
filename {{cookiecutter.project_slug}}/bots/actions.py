"""What a room's moderators do with its bots."""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _

from accounts.forms import free_name
from accounts.models import User
from accounts.names import USERNAME_LENGTH, tidy, validate_display_name
from bots.models import URL_CHARACTERS, Webhook
from chat import actions
from chat.models import Room
from chat.queries import membership_of
from realtime.posting import BadAddress, check_address
from realtime.protocol import ErrorCode, Refusal

WEBHOOKS_PER_ROOM = 20


def create_webhook(room: Room, by: User, *, name: str, url: str = "") -> tuple[Webhook, str]:
    """Let a program post to a room, as a bot of that name; returns the secret of its address too.

    Args:
        url: where the room's messages are posted to, from now on; empty for nowhere.

    Raises:
        Refusal: `invalid` (the name or the address), `forbidden` (not a moderator), `not_found`,
            `conflict` (the room is direct, or has `WEBHOOKS_PER_ROOM`), `rate_limited`.
    """
    check_url(url)
    with transaction.atomic():
        bot = _make_bot(name)
        room = actions.add_bot(room, by, bot)
        if room.webhooks.count() >= WEBHOOKS_PER_ROOM:
            detail = _("A room has at most %(most)s webhooks. Delete one.")
            raise Refusal(ErrorCode.CONFLICT, detail % {"most": WEBHOOKS_PER_ROOM})
        webhook = Webhook(room=room, bot=bot, url=url, is_active=bool(url), created_by=by)
        webhook.rev, webhook.signing_secret = room.last_rev, Webhook.new_signing_secret()
        secret = webhook.new_secret()
        webhook.save()
    return webhook, secret


def renew_webhook(webhook: Webhook, by: User) -> str:
    """Give a webhook another secret, and try again where it was off; the old secret ends.

    Raises:
        Refusal: `forbidden`, not a moderator.
    """
    check_may_moderate(webhook.room, by)
    with transaction.atomic():
        secret = webhook.new_secret()
        webhook.save(update_fields=["digest"])
        if webhook.url:
            webhook.restart()
    return secret


def delete_webhook(webhook: Webhook, by: User) -> None:
    """Delete a webhook and its bot. What the bot wrote stays, as the words of a deleted user.

    Raises:
        Refusal: `forbidden`, not a moderator.
    """
    check_may_moderate(webhook.room, by)
    webhook.bot.delete()


def add_answering_bot(room: Room, by: User, username: str) -> User:
    """Make one of `ANSWERING_BOTS` a member of a room.

    Raises:
        Refusal: as `chat.actions.add_bot`; `not_found` (there is no such bot).
    """
    if username not in settings.ANSWERING_BOTS:
        detail = _("There is no bot called %(name)s.") % {"name": username[:USERNAME_LENGTH]}
        raise Refusal(ErrorCode.NOT_FOUND, detail)
    with transaction.atomic():
        bot = User.objects.get_or_create(username=username, defaults={"is_bot": True})[0]
        if not bot.is_bot:
            detail = _("@%(username)s is a person here, not a bot.") % {"username": username}
            raise Refusal(ErrorCode.CONFLICT, detail)
        actions.add_bot(room, by, bot)
    return bot


def check_may_moderate(room: Room, by: User) -> None:
    if room.is_direct or not membership_of(by, room).may_moderate:
        raise Refusal(ErrorCode.FORBIDDEN, _("Only the room's moderators can change its bots."))


def check_url(url: str) -> None:
    if not url:
        return
    if len(url) > URL_CHARACTERS:
        detail = _("An address has at most %(most)s characters.") % {"most": URL_CHARACTERS}
        raise Refusal(ErrorCode.TOO_LARGE, detail)
    try:
        check_address(url)
    except BadAddress as error:
        raise Refusal(ErrorCode.INVALID, str(error)) from None


def _make_bot(name: str) -> User:
    try:
        validate_display_name(tidy(name))
        name = free_name(name)
    except ValidationError as error:
        raise Refusal(ErrorCode.INVALID, " ".join(error.messages)) from None
    base = username = f"{slugify(name)[: USERNAME_LENGTH - 10].strip('-_') or 'room'}-bot"
    number = 1
    while User.objects.filter(username=username).exists():
        number += 1
        username = f"{base}-{number}"
    bot = User(username=username, display_name=name, is_bot=True)
    bot.set_unusable_password()
    bot.save()
    return bot
