"""What bots notify people of: a webhook that is off."""

from typing import Any

from django.dispatch import receiver
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from bots.models import Webhook, webhook_off
from chat.models import MODERATORS
from notifications.actions import notify
from notifications.kinds import Kind, register

WEBHOOK_OFF = "bots.webhook_off"


register(
    Kind(
        WEBHOOK_OFF,
        _("Webhooks"),
        _("{bot} of {room} is off: {why}"),
        link=lambda row: reverse("bots:room", args=[row.data["slug"]]),
    )
)


@receiver(webhook_off)
def tell_its_maker(webhook: Webhook, **kwargs: Any) -> None:  # Any: whatever a signal sends
    room = webhook.room
    maker = room.memberships.filter(user=webhook.created_by_id, role__in=MODERATORS).first()
    if maker:
        notify(
            [maker.user_id],
            WEBHOOK_OFF,
            target=room.topic,
            room=room.name,
            slug=room.slug,
            bot=webhook.bot.name,
            why=webhook.error,
        )
