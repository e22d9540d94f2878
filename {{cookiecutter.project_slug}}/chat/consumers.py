"""Chat's sockets: frames in, actions called, answers out."""

import asyncio

from accounts.models import User
from chat import actions, announcements, catching_up, joining, queries
from chat.catching_up import CatchUp, Place, Since
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
from chat.inbox import rooms_of, slugs_of
from chat.models import Room
from chat.topics import INBOX, inbox_topic, room_topic
from chat.wire import (
    History,
    Inbox,
    MessageData,
)
from realtime import metrics
from realtime.batching import Batcher
from realtime.consumers import Consumer, Reply, command
from realtime.database import in_database
from realtime.protocol import CloseCode

TYPING_SECONDS = 1.0
"""Someone is told to be typing at most so often; what comes between is left out."""

MOST_JOINING = 20_000
"""At once, in one process."""

sends: Batcher[actions.Draft, MessageData] = Batcher(
    actions.post_messages, key=lambda draft: draft.room_id, sizes=metrics.commit_items
)
readings: Batcher[actions.Reading, int] = Batcher(
    actions.mark_readings, key=lambda reading: reading.room_id
)
arrivals: Batcher[joining.Arrival, joining.Joined] = Batcher(
    joining.join, key=lambda arrival: arrival.slug, linger=True, most_waiting=MOST_JOINING
)
catch_ups: Batcher[Place, CatchUp] = Batcher(
    catching_up.catch_up, key=lambda place: place.room_id, linger=True, most_waiting=MOST_JOINING
)


class ChatConsumer(Consumer):
    """One person in one room."""

    user: User
    room: Room
    told_typing_at = 0.0

    async def join(self) -> None:
        slug = self.kwargs["slug"]
        self.topic = room_topic(slug)
        await self.subscribe(self.topic)
        joined = await arrivals.submit(joining.Arrival(slug, self.user, self._since()))
        self.room = joined.room
        self.welcome(joined.welcome, rev=joined.room.last_rev)
        if joined.missed is not None:
            self.send(*await self._last_of(joined.missed))

    @command("message.send")
    async def send_message(self, data: SendMessage) -> MessageData:
        return await sends.submit(
            actions.Draft(self.room, self.user.pk, data.client_id, data.body, data.reply_to)
        )

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
        reading = actions.Reading(self.room.pk, self.user.pk, data.seq)
        return {"seq": await readings.submit(reading)}

    @command("history")
    async def get_history(self, data: GetHistory) -> History:
        return await in_database(self._history, data.before, data.limit)

    @command("changes")
    async def get_changes(self, data: GetChanges) -> Reply:
        return await self._last_of(await self._missed(Since(data.since, data.epoch)))

    def _since(self) -> Since | None:
        if "since" not in self.query:
            return None
        return Since(_number(self.query["since"]), self.query.get("epoch", ""))

    async def _missed(self, since: Since) -> CatchUp:
        return await catch_ups.submit(Place(self.room.pk, self.user.pk, since))

    async def _last_of(self, missed: CatchUp) -> Reply:
        """Send all that is missing but the last frame, no faster than it is read; return that."""
        while missed.then is not None:
            self.send(*missed.frame)
            if not await self.socket.drained():
                break
            missed = await self._missed(missed.then)
        return missed.frame

    def _history(self, before: int | None, limit: int) -> History:
        queries.membership_of(self.user, self.room)
        return History(*queries.history(self.room, before, limit))


class InboxConsumer(Consumer):
    """One person's list of rooms, and the events of all of them."""

    user: User

    async def join(self) -> None:
        self.topic = INBOX
        await self.subscribe(inbox_topic(self.user.pk))
        heard = await in_database(slugs_of, self.user)
        async with asyncio.TaskGroup() as subscribing:
            for slug in heard:
                subscribing.create_task(self.subscribe(room_topic(slug)))
        rooms = await in_database(rooms_of, self.user)  # as they are now that all is heard
        for gone in set(heard) - {room.slug for room in rooms}:
            self.unsubscribe(room_topic(gone))
        self.welcome(Inbox(rooms))

    def dismiss(self, group: str, code: CloseCode, reason: str) -> None:
        """Out of one room: its events stop, and `rooms.changed` says so."""
        self.unsubscribe(group)


def _number(text: str) -> int:
    """A number out of a query string; -1, which is no place in any room, for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 16 else -1
