"""Presence's frames: the names of its topics, and the data of its commands and events.

See docs/protocol.md.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from accounts.models import Person
from presence.stores import Announcement, Roster, State
from realtime.protocol import Slug, TopicName

HERE = "presence"
"""The topic that a connection joins to be counted, and what the topics of rooms begin with."""

ROSTER_PEOPLE = 500  # a frame of about 70 kB
ROSTER_PEOPLE_DEFAULT = 100
ASKED_PEOPLE = 100

UserId = Annotated[int, Meta(ge=1, le=2**53 - 1)]


def room_topic(room: str) -> str:
    return f"{HERE}:{room}"


def room_of(topic: str) -> str:
    return topic.removeprefix(f"{HERE}:")


def own_group(user_id: int) -> str:
    """The group that hears what `HERE` sends to one person alone."""
    return f"presence-of:{user_id}"


# Commands


class SetState(Struct, forbid_unknown_fields=True):
    state: Literal["online", "away"]
    viewing: TopicName | None = None


class Hide(Struct, forbid_unknown_fields=True):
    hidden: bool


class GetRooms(Struct, forbid_unknown_fields=True):
    pass


class GetRoster(Struct, forbid_unknown_fields=True):
    room: Slug
    limit: Annotated[int, Meta(ge=1, le=ROSTER_PEOPLE)] = ROSTER_PEOPLE_DEFAULT


class GetPeople(Struct, forbid_unknown_fields=True):
    ids: Annotated[list[UserId], Meta(max_length=ASKED_PEOPLE)]


# Answers and events


class HerePerson(Person):
    """A person in a roster."""

    state: State


class You(Struct, frozen=True):
    hidden: bool


class RoomHere(Struct, frozen=True):
    """The first people in one of a person's rooms, by id; `more` where there are others."""

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
    """The first people of a room's roster, by ascending id."""

    room: str
    rev: int
    size: int
    people: list[HerePerson]
    after: int | None
    """The id of the last of them where the roster has more people; None where it has not."""


class Left(Struct, frozen=True):
    id: int
    last_seen: datetime


class Changed(Struct, frozen=True):
    """Who is online now, who is away now and who has left."""

    size: int
    joined: list[Person]
    away: list[Person]
    left: list[Left]


class SeenPerson(Struct, frozen=True):
    id: int
    state: State
    last_seen: datetime | None


class RoomsHere(Struct, frozen=True):
    rooms: list[RoomHere]


class SeenPeople(Struct, frozen=True):
    people: list[SeenPerson]


def room_here(roster: Roster, limit: int) -> RoomHere:
    """The first `limit` people of a roster."""
    people = list(roster.people.items())[:limit]
    online = [user for user, state in people if state == State.ONLINE]
    away = [user for user, state in people if state == State.AWAY]
    more = roster.size > len(people)
    return RoomHere(roster.room, roster.version, roster.size, online, away, more)


def roster_page(roster: Roster, people: Mapping[int, Person]) -> RosterPage:
    """The roster without users who are not in `people`: they have been deleted."""
    here: list[HerePerson] = [
        {**people[user], "state": state} for user, state in roster.people.items() if user in people
    ]
    after = max(roster.people) if roster.more else None
    return RosterPage(roster.room, roster.version, roster.size, here, after)


def changed(announcement: Announcement, people: Mapping[int, Person]) -> Changed:
    """An announcement without users who are not in `people`: they have been deleted."""
    at = datetime.fromtimestamp(announcement.at, UTC)

    def here(state: State) -> list[Person]:
        return [
            people[user]
            for user, is_ in announcement.people.items()
            if is_ == state and user in people
        ]

    left = [Left(user, at) for user, state in announcement.people.items() if state == State.OFFLINE]
    return Changed(announcement.size, here(State.ONLINE), here(State.AWAY), left)
