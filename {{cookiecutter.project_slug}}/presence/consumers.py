"""Presence's socket: a connection that is counted, and hears who else is here."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Any, Self

import msgspec
from django.utils.translation import gettext as _
from msgspec.structs import replace

from presence import actions, frames, queries
from presence.frames import HERE, own_group, room_topic
from presence.running import this_attendance
from presence.stores import Roster, StoreUnavailable, Visit
from realtime.batching import Batcher
from realtime.consumers import Consumer, command
from realtime.database import in_database
from realtime.protocol import CloseCode, ErrorCode, Nothing, Refusal

WELCOME_IDS = 2_000  # in a welcome, divided among its rooms
READ_IDS = 20_000  # by one call of the store, which takes Redis some ten milliseconds at most


class PresenceConsumer(Consumer):
    """One connection: while it lasts, its person is here in all their rooms.

    It hears the events of each room as the topic `presence:<room>`.
    """

    events = {
        "welcome": frames.Welcome,
        "presence.changed": frames.Changed,
        "visibility.changed": frames.You,
        "rooms.changed": Nothing,
    }

    async def join(self) -> None:
        self.topic = HERE
        self.attendance = this_attendance()
        away, viewing = self._state_on_join()
        self.visit = Visit(self.user_id, away=away, viewing=viewing)
        await self.subscribe(own_group(self.user_id))
        await self._enter_rooms()
        you = frames.You(hidden=self.visit.visibility % 2 == 1)
        self.welcome(frames.Welcome(you, await self._who_is_here()))

    async def leave(self) -> None:
        with suppress(StoreUnavailable):  # the visit then ends with the lease
            await self._put(ended=True)

    def dismiss(self, group: str, code: CloseCode, reason: str) -> None:
        """The person was removed from one room, and stays in the others."""
        room = frames.room_of(group)
        self.unsubscribe(group)
        if room in self.visit.rooms:
            self._put(rooms=self.visit.rooms - {room})
        self.send("rooms.changed", {})

    @classmethod
    async def heal(cls, consumers: Sequence[Self]) -> None:
        """Send what a person's own connections are told when rooms or the visibility change."""
        people = [each.user_id for each in consumers]
        requests = await in_database(queries.read_join_requests, people)
        for each, now in zip(consumers, requests, strict=True):
            if not each.has_joined:  # it has left meanwhile
                continue
            if each.visit.rooms != now.rooms:
                each.send("rooms.changed", {})
            if each.visit.visibility < now.visibility:
                each._put(visibility=now.visibility)
                each.send("visibility.changed", {"hidden": now.visibility % 2 == 1})

    @command("state")
    async def set_state(self, data: frames.SetState) -> None:
        away, viewing = _away_and_viewing(data)
        await self._put(away=away, viewing=viewing)

    @command("visibility")
    async def set_visibility(self, data: frames.Hide) -> None:
        await in_database(actions.choose_visibility, self.user_id, hidden=data.hidden)
        await self._enter_rooms()  # which another connection may know of already

    @command("rooms")
    async def get_rooms(self, data: frames.GetRooms) -> frames.RoomsHere:
        """Count in the rooms that the person is in now: asked after `rooms.changed`."""
        await self._enter_rooms()
        return frames.RoomsHere(await self._who_is_here())

    @command("roster")
    async def get_roster(self, data: frames.GetRoster) -> frames.RosterPage:
        """The people of one of the rooms, asked when an event is missing."""
        if data.room not in self.visit.rooms:
            raise Refusal(ErrorCode.FORBIDDEN, _("You are not in this room."))
        (roster,) = await self.attendance.store.rosters([data.room], limit=data.limit)
        people = await queries.people_in_rosters.submit(roster.people.keys())
        return frames.roster_page(roster, people)

    @command("people")
    async def get_people(self, data: frames.GetPeople) -> frames.SeenPeople:
        """The state of certain people, without those who share no room with this one."""
        rooms = await in_database(queries.rooms_of, set(data.ids))
        known = sorted(user for user in rooms if not self.visit.rooms.isdisjoint(rooms[user]))
        states = await self.attendance.store.states(list(self.visit.rooms), known)
        seen = await in_database(queries.last_seen_by_id, known)
        return frames.SeenPeople(
            [frames.SeenPerson(user, states[user], seen.get(user)) for user in known]
        )

    def _state_on_join(self) -> tuple[bool, str | None]:
        """From the data of the join; what is not valid there is ignored."""
        query = self.query
        asked = {name: query[name] for name in ("state", "viewing") if name in query}
        try:
            return _away_and_viewing(msgspec.convert({"state": "online", **asked}, frames.SetState))
        except msgspec.ValidationError:
            return False, None

    async def _enter_rooms(self) -> None:
        """Hear the person's rooms and no others, and count there, as they appear now."""
        rooms, _ = await queries.join_requests.submit(self.user_id)
        await self.subscribe(*map(room_topic, rooms))
        # Again, since a removal before the subscription was missed.
        now = await queries.join_requests.submit(self.user_id)
        for room in (rooms | self.visit.rooms) - now.rooms:
            self.unsubscribe(room_topic(room))
        await self._put(rooms=rooms & now.rooms, visibility=now.visibility)

    def _put(self, **changes: Any) -> asyncio.Future[None]:  # Any: as `replace` takes them
        self.visit = replace(self.visit, **changes)
        return self.attendance.put(self.visit)

    async def _who_is_here(self) -> list[frames.RoomHere]:
        return await rooms_here.submit(sorted(self.visit.rooms))


async def _read_rooms_here(
    wanted: Sequence[Sequence[str]],
) -> list[list[frames.RoomHere] | Exception]:
    """For each connection its rooms: one that several are in is read, and cut, once for all."""
    limits = [WELCOME_IDS // max(len(rooms), 1) for rooms in wanted]
    largest: dict[str, int] = {}
    for rooms, limit in zip(wanted, limits, strict=True):
        largest |= {room: max(limit, largest.get(room, 0)) for room in rooms}
    rosters: dict[str, Roster] = {}
    store = this_attendance().store
    try:
        for some in _each_time(largest):
            found = await store.rosters(some, limit=largest[some[-1]])
            rosters |= {roster.room: roster for roster in found}
    except StoreUnavailable as error:
        return [error] * len(wanted)

    @cache
    def here(room: str, limit: int) -> frames.RoomHere:
        return frames.room_here(rosters[room], limit)

    return [
        [here(room, limit) for room in rooms] for rooms, limit in zip(wanted, limits, strict=True)
    ]


rooms_here: Batcher[Sequence[str], list[frames.RoomHere]] = Batcher(_read_rooms_here)


def _away_and_viewing(data: frames.SetState) -> tuple[bool, str | None]:
    """Only an online connection views something."""
    away = data.state == "away"
    return away, None if away else data.viewing


def _each_time(limits: Mapping[str, int]) -> Iterator[list[str]]:
    """The rooms that are read at once: no more than `READ_IDS` people, by the last one's limit."""
    some: list[str] = []
    for room in sorted(limits, key=limits.__getitem__):
        if some and (len(some) + 1) * limits[room] > READ_IDS:
            yield some
            some = []
        some.append(room)
    if some:
        yield some
