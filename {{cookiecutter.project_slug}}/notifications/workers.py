"""Work that `manage.py runworker` does for notifications, away from the processes that serve."""

import logging
from typing import Any

from channels.consumer import SyncConsumer

from notifications.digest import send_digests

logger = logging.getLogger(__name__)


class DigestConsumer(SyncConsumer):
    """Sends the digests when a message asks for them, as `manage.py send_digest` does.

    `manage.py runworker notifications.digest` listens, and any code may ask:

        send = async_to_sync(get_channel_layer().send)
        send("notifications.digest", {"type": "send.digests"})

    Channels delivers such a message at most once, and to nobody if no worker listens at that
    moment. The pub/sub layer delivers it to every worker that listens, also to those of another
    site on the same Redis. So the message only wakes the worker. The database says what is due,
    and each row is claimed there before its e-mail goes out: several workers send it once, and
    what a lost message left undone is done after the next one, or by cron.
    """

    def send_digests(self, message: dict[str, Any]) -> None:  # Any: what a layer carries
        sent = send_digests()
        logger.info("Digests: wrote to %s people, failed for %s.", sent.people, sent.failed)
