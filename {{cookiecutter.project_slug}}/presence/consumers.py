"""Presence's sockets: a connection that counts, and a room's roster."""

import asyncio
from contextlib import suppress

from presence import actions
from presence.arrivals import Arrival, read_arrival
from presence.commands import (
    GetChanges,
    GetPeople,
    GetRoomRoster,
    GetRooms,
    GetRoster,
    InRoom,
    SetState,
    SetVisibility,
)
from presence.process import this_attendance
from presence.queries import last_seen_by_id
from presence.rooms import registered
from presence.rosters import check_may_follow, read_page
from presence.stores.interface import State, StoreUnavailable
from presence.topics import HERE, own_group, room_of, room_topic
from presence.visits import Visit
from presence.wire import RoomHere, RosterPage, SeenPerson, Welcome, You, room_here
from realtime.consumers import Consumer, Reply, command
from realtime.database import in_database
from realtime.protocol import CloseCode

WELCOME_IDS = 2_000  # in a welcome, shared out over its rooms


class PresenceConsumer(Consumer):
    """One connection that counts: while it lasts, its person is here in all their rooms.

    It hears who else is there: of each room as the topic `presence:<room>`.
    """

    async def join(self) -> None:
        self.topic = HERE
        self.attendance = this_attendance()
        self.visit = Visit(self.user_id, away=self.query.get("state") == State.AWAY)
        await self.subscribe(own_group(self.user_id))
        self.visit.rooms, self.visit.visibility = await self._hear_rooms()
        await self.attendance.join(self.visit)
        you = You(hidden=self.visit.visibility % 2 == 1)
        self.welcome(Welcome(you, await self._who_is_here()))

    async def leave(self) -> None:
        with suppress(StoreUnavailable):  # the lease takes care of it
            await self.attendance.leave(self.visit)

    def dismiss(self, group: str, code: CloseCode, reason: str) -> None:
        """The person was removed from one room, and stays in the others."""
        room = room_of(group)
        self.unsubscribe(group)
        if room in self.visit.rooms:
            self.attendance.withdraw(self.visit, {room})
        self.send("rooms.changed", {})

    @command("state")
    async def set_state(self, data: SetState) -> None:
        await self.attendance.turn(self.visit, away=data.state == "away")

    @command("visibility")
    async def set_visibility(self, data: SetVisibility) -> None:
        visibility = await in_database(actions.choose_visibility, self.user_id, hidden=data.hidden)
        rooms = (await read_arrival(self.user_id)).rooms
        await self.attendance.appear(self.user_id, self.visit.rooms | rooms, visibility)

    @command("rooms")
    async def get_rooms(self, data: GetRooms) -> dict[str, list[RoomHere]]:
        """Count in the rooms that the person is in now: asked after `rooms.changed`."""
        rooms, _ = await self._hear_rooms()
        self.attendance.withdraw(self.visit, self.visit.rooms - rooms)
        await self.attendance.enter(self.visit, rooms - self.visit.rooms)
        return {"rooms": await self._who_is_here()}

    @command("follow")
    async def follow(self, data: InRoom) -> RosterPage:
        """Hear of a room and see who is there, on a socket that has no topic for the room."""
        await check_may_follow(self.user_id, data.room)
        await self.subscribe(room_topic(data.room))
        return await read_page(self.user_id, data.room)

    @command("unfollow")
    async def unfollow(self, data: InRoom) -> None:
        self.unsubscribe(room_topic(data.room))

    @command("roster")
    async def get_roster(self, data: GetRoomRoster) -> RosterPage:
        return await read_page(self.user_id, data.room, data.after, data.limit)

    @command("people")
    async def get_people(self, data: GetPeople) -> dict[str, list[SeenPerson]]:
        """How certain people are; nothing of those who share no room with this one."""
        known = sorted(
            await in_database(registered().who_shares_a_room, self.user_id, set(data.ids))
        )
        states = await self.attendance.store.states(list(self.visit.rooms), known)
        seen = await in_database(last_seen_by_id, known)
        return {"people": [SeenPerson(user, states[user], seen.get(user)) for user in known]}

    async def _hear_rooms(self) -> Arrival:
        """Subscribe to the person's rooms, and to no others."""
        rooms, _ = await read_arrival(self.user_id)
        async with asyncio.TaskGroup() as tasks:
            for room in rooms:
                tasks.create_task(self.subscribe(room_topic(room)))
        now = await read_arrival(self.user_id)  # a removal before the subscription was not heard
        for room in (rooms | self.visit.rooms) - now.rooms:
            self.unsubscribe(room_topic(room))
        return Arrival(rooms & now.rooms, now.visibility)

    async def _who_is_here(self) -> list[RoomHere]:
        rooms = sorted(self.visit.rooms)
        limit = WELCOME_IDS // max(len(rooms), 1)
        return [
            room_here(roster) for roster in await self.attendance.store.rosters(rooms, limit=limit)
        ]


class RosterConsumer(Consumer):
    """Who is in one room, and how they are: the topic `presence:<room>`. It counts for nobody."""

    async def join(self) -> None:
        self.room = self.kwargs["slug"]
        self.topic = room_topic(self.room)
        await check_may_follow(self.user_id, self.room)
        await self.subscribe(self.topic)
        page = await read_page(self.user_id, self.room)
        self.welcome(page, rev=page.rev)
        if "since" in self.query and self.query["since"] != str(page.rev):
            self.send("reset", {}, rev=page.rev)  # what was missed is in the welcome

    @command("roster")
    async def get_roster(self, data: GetRoster) -> RosterPage:
        return await read_page(self.user_id, self.room, data.after, data.limit)

    @command("changes")
    async def get_changes(self, data: GetChanges) -> Reply:
        """Rosters have no history: whoever missed something is given the first page again."""
        page = await read_page(self.user_id, self.room)
        return Reply("reset", page, page.rev)
