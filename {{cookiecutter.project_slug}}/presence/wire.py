"""Presence's data on the wire: what its frames carry, as types (see docs/protocol.md)."""

from collections.abc import Mapping
from datetime import UTC, datetime

from msgspec import Struct

from accounts.models import Person
from presence.stores.interface import Announcement, Roster, State


class HerePerson(Person):
    """A person in a roster."""

    state: State


class You(Struct, frozen=True):
    hidden: bool


class RoomHere(Struct, frozen=True):
    """Who is in one of a person's rooms, by id: the first of them, `more` telling of others."""

    room: str
    rev: int
    size: int
    online: list[int]
    away: list[int]
    more: bool


class Welcome(Struct, frozen=True):
    you: You
    rooms: list[RoomHere]


class RosterPage(Struct, frozen=True):
    """A page of a room's roster, by ascending id."""

    room: str
    rev: int
    size: int
    people: list[HerePerson]
    after: int | None
    """What to ask the next page with; None on the last one."""


class Left(Struct, frozen=True):
    id: int
    last_seen: datetime


class Changed(Struct, frozen=True):
    """Who is online now, who is away now and who is gone."""

    size: int
    joined: list[Person]
    away: list[Person]
    left: list[Left]


class SeenPerson(Struct, frozen=True):
    id: int
    state: State
    last_seen: datetime | None


def room_here(roster: Roster) -> RoomHere:
    online = [user for user, state in roster.people.items() if state == State.ONLINE]
    away = [user for user, state in roster.people.items() if state == State.AWAY]
    return RoomHere(roster.room, roster.version, roster.size, online, away, roster.more)


def roster_page(roster: Roster, people: Mapping[int, Person]) -> RosterPage:
    """A page with those of the roster who are in `people`: the others were deleted meanwhile."""
    here: list[HerePerson] = [
        {**people[user], "state": state} for user, state in roster.people.items() if user in people
    ]
    after = max(roster.people) if roster.more else None
    return RosterPage(roster.room, roster.version, roster.size, here, after)


def changed(heard: Announcement, people: Mapping[int, Person]) -> Changed:
    """An announcement; whoever is here and not in `people` was deleted meanwhile."""
    at = datetime.fromtimestamp(heard.at, UTC)

    def here(state: State) -> list[Person]:
        return [
            people[user] for user, is_ in heard.people.items() if is_ == state and user in people
        ]

    left = [Left(user, at) for user, state in heard.people.items() if state == State.OFFLINE]
    return Changed(heard.size, here(State.ONLINE), here(State.AWAY), left)
