"""Chat's sockets: frames in, actions called, answers out."""

import asyncio

from accounts.models import User
from chat import actions, announcements, queries
from chat.commands import (
    DeleteMessage,
    EditMessage,
    GetChanges,
    GetHistory,
    Read,
    SendMessage,
    ToggleReaction,
    Typing,
)
from chat.inbox import named_for, rooms_of
from chat.models import Room
from chat.topics import INBOX, inbox_topic, room_topic
from chat.wire import (
    Changes,
    History,
    Inbox,
    MessageData,
    Reset,
    Welcome,
    reader_data,
    room_data,
)
from realtime.batching import GroupCommit
from realtime.consumers import Consumer, Reply, command
from realtime.database import in_database
from realtime.protocol import CloseCode

CHANGES_MESSAGES = 200
"""A frame of changes carries at most so many."""

TYPING_SECONDS = 1.0
"""Someone is told to be typing at most so often; what comes between is left out."""

sends: GroupCommit[Room, actions.Draft, MessageData] = GroupCommit(actions.post_messages)


class ChatConsumer(Consumer):
    """One person in one room."""

    user: User
    room: Room
    told_typing_at = 0.0

    async def join(self) -> None:
        self.room = await in_database(self._enter)
        self.topic = self.room.topic
        # Subscribed first: what is published from here on is heard, what was before is in the rows.
        await self.subscribe(self.topic)
        welcome, head = await in_database(self._welcome_data)
        self.welcome(welcome, rev=head)
        if "since" in self.query:
            place = _number(self.query["since"])
            self.send(*await self._catch_up(place, self.query.get("epoch", "")))

    @command("message.send")
    async def send_message(self, data: SendMessage) -> MessageData:
        draft = actions.Draft(self.user.pk, data.client_id, data.body, data.reply_to)
        return await sends.submit(self.room, draft)

    @command("message.edit")
    async def edit_message(self, data: EditMessage) -> MessageData:
        return await in_database(
            actions.edit_message, self.room, self.user, seq=data.seq, body=data.body
        )

    @command("message.delete")
    async def delete_message(self, data: DeleteMessage) -> MessageData:
        return await in_database(actions.delete_message, self.room, self.user, seq=data.seq)

    @command("reaction.toggle")
    async def toggle_reaction(self, data: ToggleReaction) -> MessageData:
        return await in_database(
            actions.toggle_reaction, self.room, self.user, seq=data.seq, emoji=data.emoji
        )

    @command("typing")
    async def tell_typing(self, data: Typing) -> None:
        """Without a look at the database: whoever is removed from the room is dismissed."""
        now = asyncio.get_running_loop().time()
        if now - self.told_typing_at >= TYPING_SECONDS:
            self.told_typing_at = now
            announcements.typing(self.room, self.user)

    @command("read")
    async def mark_read(self, data: Read) -> dict[str, int]:
        return {"seq": await in_database(actions.mark_read, self.room, self.user, seq=data.seq)}

    @command("history")
    async def get_history(self, data: GetHistory) -> History:
        return await in_database(self._history, data.before, data.limit)

    @command("changes")
    async def get_changes(self, data: GetChanges) -> Reply:
        return await self._catch_up(data.since, data.epoch)

    async def _catch_up(self, since: int, epoch: str) -> Reply:
        """Send what is missing since the client's place, all but the last frame; return that."""
        reply, more = await in_database(self._changes, since, epoch)
        while more:
            self.send(*reply)
            await self.socket.drained()
            since = reply.rev or since
            reply, more = await in_database(self._changes, since, epoch)
        return reply

    def _enter(self) -> Room:
        room = queries.room_by_slug(self.kwargs["slug"])
        actions.enter(room, self.user)
        return room

    def _welcome_data(self) -> tuple[Welcome, int]:
        you = queries.membership_of(self.user, self.room)  # again, now that removal would be heard
        room = named_for(self.user, you.room)
        members = queries.members(room)
        welcome = Welcome(
            epoch=str(room.epoch),
            room=room_data(room),
            you=reader_data(you),
            members=[reader_data(member) for member in members[: queries.MEMBERS_SHOWN]],
            member_count=members.count(),
        )
        return welcome, room.last_rev

    def _history(self, before: int | None, limit: int) -> History:
        queries.membership_of(self.user, self.room)
        return History(*queries.history(self.room, before, limit))

    def _changes(self, since: int, epoch: str) -> tuple[Reply, bool]:
        # The head is read before the rows, so that it promises nothing that they do not have.
        room = queries.membership_of(self.user, self.room).room
        if epoch != str(room.epoch) or not 0 <= since <= room.last_rev:
            return Reply("reset", Reset(str(room.epoch)), room.last_rev), False
        messages, more = queries.changes_since(room, since, CHANGES_MESSAGES)
        latest = messages[-1].rev if messages else since
        rev = latest if more else max(latest, room.last_rev)
        return Reply("changes", Changes(str(room.epoch), messages, more), rev), more


class InboxConsumer(Consumer):
    """One person's list of rooms, and the events of all of them."""

    user: User

    async def join(self) -> None:
        self.topic = INBOX
        await self.subscribe(inbox_topic(self.user.pk))
        before = await in_database(rooms_of, self.user)
        async with asyncio.TaskGroup() as subscribing:
            for room in before:
                subscribing.create_task(self.subscribe(room_topic(room.slug)))
        rooms = await in_database(rooms_of, self.user)  # as they are now that all is heard
        for gone in {room.slug for room in before} - {room.slug for room in rooms}:
            self.unsubscribe(room_topic(gone))
        self.welcome(Inbox(rooms))

    def dismiss(self, audience: str, code: CloseCode, reason: str) -> None:
        """Out of one room: its events stop, and `rooms.changed` says so."""
        self.unsubscribe(audience)


def _number(text: str) -> int:
    """A number out of a query string; -1, which is no place in any room, for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 16 else -1
