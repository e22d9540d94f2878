"""Notifications' socket: frames in, actions called, answers out."""

from collections.abc import Sequence

from django.utils.translation import gettext as _

from accounts.models import User
from notifications import actions, queries
from notifications.frames import (
    PAGE_NOTIFICATIONS,
    All,
    Deleted,
    GetList,
    Listed,
    NotificationChange,
    One,
    Page,
    Read,
    Unread,
    Unseen,
)
from notifications.models import Inbox, Notification
from realtime.batching import Batcher
from realtime.consumers import command
from realtime.database import in_database
from realtime.feeds.consumer import FeedConsumer
from realtime.feeds.reading import latest_of_each
from realtime.protocol import ErrorCode, Refusal

unread_asked: Batcher[tuple[int, str], queries.UnreadOf] = Batcher(queries.unread_of)


class NotificationConsumer(FeedConsumer[Inbox]):
    """One person's notifications, on one of their connections."""

    feed_model = Inbox
    item_model = Notification
    page_items = 200
    events = {
        "welcome": Page,
        "changes": Page,
        "reset": Page,
        "notification.created": NotificationChange,
        "notification.updated": NotificationChange,
        "notification.deleted": Deleted,
        "unread": Unread,
    }

    user: User

    @property
    def feed_key(self) -> str:
        return str(self.user_id)

    @classmethod
    def reset_data(cls, feeds: Sequence[Inbox]) -> Sequence[Page]:
        shown = Notification.objects.filter(deleted_at=None)
        pages = latest_of_each(shown, feeds, PAGE_NOTIFICATIONS)
        return [cls.changes_data(feed, *page) for feed, page in zip(feeds, pages, strict=True)]

    @classmethod
    def changes_data(cls, feed: Inbox, items: Sequence[Notification], more: bool) -> Page:
        rows = [item.as_data() for item in items]
        return Page(str(feed.epoch), feed.unread, feed.read_rev, rows, more)

    @command("list")
    def get_list(self, data: GetList) -> Listed:
        return queries.listed(self.user_id, data.before, data.limit)

    @command("read")
    async def mark_read(self, data: Read) -> Unseen:
        match data:
            case Read(id=int(pk), target=None):
                return Unseen(await in_database(actions.mark_read, self.user, pk))
            case Read(id=None, target=str(target)):
                # Every page asks as it opens, and most have nothing to read there.
                unread = await unread_asked.submit((self.user_id, target))
                if target not in unread.targets:
                    return Unseen(unread.in_all)
                return Unseen(await in_database(actions.mark_target_read, self.user, target))
        raise Refusal(ErrorCode.INVALID, _("Name either an id or a target."))

    @command("read_all")
    def mark_all_read(self, data: All) -> Unseen:
        return Unseen(actions.mark_all_read(self.user))

    @command("delete")
    def delete(self, data: One) -> Unseen:
        return Unseen(actions.delete(self.user, data.id))
