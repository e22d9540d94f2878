"""Notifications' socket: frames in, actions called, answers out."""

from uuid import uuid4

from accounts.models import User
from notifications import actions, queries
from notifications.actions.locking import inbox_of
from notifications.commands import (
    All,
    GetChanges,
    GetList,
    Look,
    One,
)
from notifications.looking import LEASE_SECONDS, move_gaze
from notifications.topics import TOPIC, group
from notifications.wire import Listed, Page, changes, page
from realtime.consumers import Consumer, Reply, command
from realtime.database import in_database


class NotificationConsumer(Consumer):
    """One person's notifications, on one of their connections."""

    user: User
    looking: str | None = None

    async def join(self) -> None:
        self.topic = TOPIC
        self.connection = uuid4().hex
        # Subscribed first: what is published from here on is heard, what was before is in the rows.
        await self.subscribe(group(self.user_id))
        welcome, head = await in_database(self._page)
        self.welcome(welcome, rev=head)
        if "since" in self.query:
            place = _number(self.query["since"])
            self.send(*await self._catch_up(place, self.query.get("epoch", "")))

    async def leave(self) -> None:
        if self.looking is not None:
            await in_database(move_gaze, self.user_id, self.connection, self.looking, None)

    @command("list")
    async def get_list(self, data: GetList) -> Listed:
        return await in_database(queries.listed, self.user_id, data.before, data.limit)

    @command("read")
    async def mark_read(self, data: One) -> dict[str, int]:
        return {"unread": await in_database(actions.mark_read, self.user, data.id)}

    @command("read_all")
    async def mark_all_read(self, data: All) -> dict[str, int]:
        return {"unread": await in_database(actions.mark_all_read, self.user)}

    @command("delete")
    async def delete(self, data: One) -> dict[str, int]:
        return {"unread": await in_database(actions.delete, self.user, data.id)}

    @command("looking")
    async def look(self, data: Look) -> dict[str, int]:
        """Look at a target, or at none: what was told of it is read, and no more is told."""
        before, self.looking = self.looking, data.target
        await in_database(move_gaze, self.user_id, self.connection, before, data.target)
        if data.target not in (None, before):
            await in_database(actions.mark_target_read, self.user, data.target)
        return {"lease": LEASE_SECONDS}

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
