"""Notifications' socket: frames in, actions called, answers out."""

from collections.abc import Sequence
from uuid import uuid4

from accounts.models import User
from notifications import actions, queries
from notifications.frames import All, GetList, Listed, Look, One, Page
from notifications.looking import LEASE_SECONDS, move_gaze
from notifications.models import Inbox, Notification
from realtime.consumers import command
from realtime.database import in_database
from realtime.feeds.consumer import FeedConsumer


class NotificationConsumer(FeedConsumer[Inbox]):
    """One person's notifications, on one of their connections."""

    feed_model = Inbox
    item_model = Notification
    page_items = 200

    user: User
    looking: str | None = None

    @property
    def feed_key(self) -> str:
        return str(self.user_id)

    @classmethod
    def reset_data(cls, feed: Inbox) -> Page:
        latest = queries.listed(feed.pk)
        return Page(str(feed.epoch), feed.unread, feed.read_rev, latest.notifications, latest.more)

    @classmethod
    def changes_data(cls, feed: Inbox, items: Sequence[Notification], more: bool) -> Page:
        rows = [item.as_data() for item in items]
        return Page(str(feed.epoch), feed.unread, feed.read_rev, rows, more)

    async def join(self) -> None:
        self.connection = uuid4().hex
        await super().join()

    async def leave(self) -> None:
        if self.looking is not None:
            await in_database(move_gaze, self.user_id, self.connection, self.looking, None)

    @command("list")
    def get_list(self, data: GetList) -> Listed:
        return queries.listed(self.user_id, data.before, data.limit)

    @command("read")
    def mark_read(self, data: One) -> dict[str, int]:
        return {"unread": actions.mark_read(self.user, data.id)}

    @command("read_all")
    def mark_all_read(self, data: All) -> dict[str, int]:
        return {"unread": actions.mark_all_read(self.user)}

    @command("delete")
    def delete(self, data: One) -> dict[str, int]:
        return {"unread": actions.delete(self.user, data.id)}

    @command("looking")
    async def look(self, data: Look) -> dict[str, int]:
        """Look at a target, or at none: what was told of it is read, and no more is told."""
        before, self.looking = self.looking, data.target
        await in_database(move_gaze, self.user_id, self.connection, before, data.target)
        if data.target not in (None, before):
            await in_database(actions.mark_target_read, self.user, data.target)
        return {"lease": LEASE_SECONDS}
