"""Chat's consumers: a room, and a person's list of rooms."""

import asyncio
from collections.abc import Sequence
from functools import cache, partial
from typing import Self, cast

from msgspec import Raw, json

from accounts.models import User
from chat import actions
from chat.frames import (
    Changes,
    DeleteMessage,
    EditMessage,
    GetHistory,
    History,
    MemberChange,
    MemberLeft,
    MessageData,
    MessageGrowing,
    PersonRead,
    PersonTyping,
    Read,
    ReaderPerson,
    ReadUpTo,
    Reset,
    RoomChange,
    RoomList,
    RoomSummary,
    SendMessage,
    StopMessage,
    ToggleReaction,
    Typing,
    Welcome,
)
from chat.models import ROOMS_LISTED, Membership, Message, Room, room_list_topic
from chat.queries import (
    latest_messages,
    members_shown,
    membership_of,
    messages_after,
    messages_around,
    named_for,
    rooms_among,
    slugs_of,
)
from realtime import metrics
from realtime.batching import Batcher
from realtime.consumers import Consumer, command
from realtime.database import in_database
from realtime.delivery.publishing import publish
from realtime.feeds.consumer import FeedConsumer, Guest
from realtime.lookups import Lookup
from realtime.protocol import CloseCode, Nothing, Refusal

TYPING_SECONDS = 1.0
"""The least time between two `typing` events of one connection; others are left out."""

sends: Batcher[actions.Draft, MessageData] = Batcher(
    actions.post_messages, key=lambda draft: draft.room.pk, sizes=metrics.commit_items
)
readings: Batcher[actions.Reading, int] = Batcher(
    actions.mark_readings, key=lambda reading: reading.room_id
)
slugs_read: Batcher[int, list[str]] = Batcher(slugs_of)
rooms_read: Batcher[tuple[int, list[str]], list[RoomSummary]] = Batcher(rooms_among)

_memberships = Lookup(Membership.objects.all(), "room", "user")


class ChatConsumer(FeedConsumer[Room]):
    """One person in one room."""

    feed_model = Room
    item_model = Message
    events = {
        "welcome": Welcome,
        "changes": Changes,
        "reset": Reset,
        "message.created": MessageData,
        "message.updated": MessageData,
        "message.deleted": MessageData,
        "message.growing": MessageGrowing,
        "typing": PersonTyping,
        "read": PersonRead,
        "member.joined": MemberChange,
        "member.updated": MemberChange,
        "member.left": MemberLeft,
        "room.updated": RoomChange,
    }

    user: User
    typed_at = 0.0

    @classmethod
    def admit(cls, guests: Sequence[Guest[Room]]) -> Sequence[Welcome | Refusal]:
        """Members may join, and in a public room whoever comes becomes one.

        Whoever was here before and is no member any more has left, or was removed: a page that is
        still open somewhere does not bring them back.
        """
        keys = {(each.feed.pk, each.user.pk) for each in guests}
        by_guest = {(each.room_id, each.user_id): each for each in _memberships(keys)}

        @cache  # also while the layer is not joined yet, when nothing is kept
        def members(room: Room) -> tuple[list[ReaderPerson], int]:
            return cls.read_for_crowd(room, "members", partial(_members, room))

        def welcome(room: Room, user: User, resumes: bool) -> Welcome | Refusal:
            you = by_guest.get((room.pk, user.pk))
            try:
                if you is None:
                    you = membership_of(user, room) if resumes else actions.enter(room, user)
            except Refusal as refusal:
                return refusal
            you.user = user
            about = named_for(user, room).as_data()
            return Welcome(str(room.epoch), about, you.as_reader(), *members(room))

        return [welcome(*guest) for guest in guests]

    @classmethod
    def changes_data(cls, feed: Room, items: Sequence[Message], more: bool) -> Changes:
        return Changes(str(feed.epoch), [message.as_data() for message in items], more)

    @classmethod
    def reset_data(cls, feeds: Sequence[Room]) -> Sequence[Reset]:
        return [Reset(str(feed.epoch)) for feed in feeds]

    @command("message.send", together=True)
    async def send_message(self, data: SendMessage) -> MessageData:
        return await sends.submit(
            actions.Draft(
                self.feed,
                self.user.pk,
                data.client_id,
                data.body,
                data.reply_to,
                attachments=data.attachments,
            )
        )

    @command("message.edit")
    def edit_message(self, data: EditMessage) -> MessageData:
        return actions.edit_message(self.feed, self.user, seq=data.seq, body=data.body)

    @command("message.delete")
    def delete_message(self, data: DeleteMessage) -> MessageData:
        return actions.delete_message(self.feed, self.user, seq=data.seq)

    @command("message.stop")
    def stop_message(self, data: StopMessage) -> MessageData:
        return actions.stop_message(self.feed, self.user, seq=data.seq)

    @command("reaction.toggle")
    def toggle_reaction(self, data: ToggleReaction) -> MessageData:
        return actions.toggle_reaction(
            self.feed, self.user, seq=data.seq, emoji=data.emoji, on=data.on
        )

    @command("typing")
    async def publish_typing(self, data: Typing) -> None:
        """Without a look at the database: whoever is removed from the room is dismissed."""
        now = asyncio.get_running_loop().time()
        if now - self.typed_at >= TYPING_SECONDS:
            self.typed_at = now
            publish(self.topic, "typing", {"user": self.user.as_person()})

    @command("read")
    async def mark_read(self, data: Read) -> ReadUpTo:
        reading = actions.Reading(self.feed.pk, self.user.pk, data.seq)
        return ReadUpTo(await readings.submit(reading))

    @command("history")
    def get_history(self, data: GetHistory) -> History:
        membership_of(self.user, self.feed)
        if data.around is not None:
            return messages_around(self.feed, data.around, data.limit)
        if data.after is not None:
            return messages_after(self.feed, data.after, data.limit)
        return latest_messages(self.feed, data.limit, data.before)


class RoomListConsumer(Consumer):
    """One person's list of rooms, and the events of all of them."""

    events = {"welcome": RoomList, "rooms.changed": Nothing}

    user: User
    known: int
    """The hash of the set of rooms that the person was told of: a set would take more memory."""

    async def join(self) -> None:
        self.topic = room_list_topic.name
        await self.subscribe(room_list_topic.group(self.user.pk))
        all_slugs = await slugs_read.submit(self.user_id)
        self.known = hash(frozenset(all_slugs))
        slugs = all_slugs[:ROOMS_LISTED]
        await self.subscribe(*map(Room.topics.group, slugs))
        rooms = await rooms_read.submit((self.user_id, slugs))  # as they are now that all is heard
        for gone in set(slugs) - {room.slug for room in rooms}:
            self.unsubscribe(Room.topics.group(gone))
        self.welcome(RoomList(rooms))

    def dismiss(self, group: str, code: CloseCode, reason: str) -> None:
        """Out of one room: its events stop, and `rooms.changed` says so."""
        self.unsubscribe(group)

    @classmethod
    async def heal(cls, consumers: Sequence[Self]) -> None:
        """Send `rooms.changed` where the person is in other rooms than they were told of."""
        people = {each.user_id for each in consumers}
        rooms = await in_database(Room.topics.keys_of, people)
        for each in consumers:
            known = hash(frozenset(rooms.get(each.user_id, ())))
            if each.has_joined and each.known != known:
                each.known = known
                each.send("rooms.changed", {})


def _members(room: Room) -> tuple[list[ReaderPerson], int]:
    """The members that a welcome shows, encoded once, and how many there are."""
    shown, count = members_shown(room)
    # Raw, typed as what clients get, of which the contract is made
    return cast("list[ReaderPerson]", Raw(json.encode(shown))), count
