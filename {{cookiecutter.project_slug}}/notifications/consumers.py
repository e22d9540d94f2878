"""Notifications' socket: frames in, actions called, answers out."""

from accounts.models import User
from notifications import actions, queries
from notifications.actions.locking import inbox_of
from notifications.commands import (
    All,
    GetChanges,
    GetList,
    One,
    Read,
)
from notifications.topics import TOPIC, group
from notifications.wire import Listed, Page, changes, page
from realtime.consumers import Consumer, Reply, command
from realtime.database import in_database
from realtime.protocol import ErrorCode, Refusal


class NotificationConsumer(Consumer):
    """One person's notifications, on one of their connections."""

    user: User

    async def join(self) -> None:
        self.topic = TOPIC
        # Subscribed first: what is published from here on is heard, what was before is in the rows.
        await self.subscribe(group(self.user_id))
        welcome, head = await in_database(self._page)
        self.welcome(welcome, rev=head)
        if "since" in self.query:
            place = _number(self.query["since"])
            self.send(*await self._catch_up(place, self.query.get("epoch", "")))

    @command("list")
    async def get_list(self, data: GetList) -> Listed:
        return await in_database(queries.listed, self.user_id, data.before, data.limit)

    @command("read")
    async def mark_read(self, data: Read) -> dict[str, int]:
        match data:
            case Read(id=int(pk), target=None):
                return {"unread": await in_database(actions.mark_read, self.user, pk)}
            case Read(id=None, target=str(target)):
                return {"unread": await in_database(actions.mark_target_read, self.user, target)}
        raise Refusal(ErrorCode.INVALID, "Name either an id or a target.")

    @command("read_all")
    async def mark_all_read(self, data: All) -> dict[str, int]:
        return {"unread": await in_database(actions.mark_all_read, self.user)}

    @command("delete")
    async def delete(self, data: One) -> dict[str, int]:
        return {"unread": await in_database(actions.delete, self.user, data.id)}

    @command("changes")
    async def get_changes(self, data: GetChanges) -> Reply:
        return await self._catch_up(data.since, data.epoch)

    async def _catch_up(self, since: int, epoch: str) -> Reply:
        """Send what is missing since the client's place, all but the last frame; return that."""
        reply, more = await in_database(self._changes, since, epoch)
        while more:
            self.send(*reply)
            if not await self.socket.drained():
                break
            since = reply.rev or since
            reply, more = await in_database(self._changes, since, epoch)
        return reply

    def _page(self) -> tuple[Page, int]:
        # The head is read before the rows, so that it promises nothing that they do not have.
        inbox = inbox_of(self.user_id)
        return page(inbox, queries.listed(self.user_id)), inbox.last_rev

    def _changes(self, since: int, epoch: str) -> tuple[Reply, bool]:
        inbox = inbox_of(self.user_id)
        if epoch != str(inbox.epoch) or not inbox.pruned_rev <= since <= inbox.last_rev:
            return Reply("reset", *self._page()), False
        changed = queries.changes_since(self.user_id, since)
        latest = changed.notifications[-1].rev if changed.notifications else since
        rev = latest if changed.more else max(latest, inbox.last_rev)
        return Reply("changes", changes(inbox, changed), rev), changed.more


def _number(text: str) -> int:
    """A number out of a query string; -1, which is no place in any inbox, for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 16 else -1
