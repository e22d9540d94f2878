"""What a storm is judged by: who must be here and who must not, and what a client makes of it."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from presence.stores import Announcement, Roster, State, Timing

FOREVER = float("inf")
PATIENCE_SECONDS = 1.0  # of a follower with a gap
LATE_SECONDS = 3.0  # how late a busy machine may be with what is due


@dataclass
class Stay:
    """A connection in some rooms. Times are the machine's, which Redis shares.

    A connection's view of a topic is a stay too, without a grace, in a room that no person has.
    """

    user: int
    rooms: Collection[str]
    away: bool
    grace: float
    asked: float
    """From when it may count."""
    counts: float = FOREVER
    """From when it must count."""
    ends: float = FOREVER
    """Until when it must count."""
    gone: float = FOREVER
    """Until when it may count."""


def view_of(topic: str) -> str:
    """The room that stands for viewing a topic."""
    return f"view of {topic}"


class Model:
    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._stays: dict[tuple[str, int], list[Stay]] = defaultdict(list)

    def asked(self, user: int, rooms: Collection[str], away: bool, at: float) -> Stay:
        """The connection asks to be in the rooms."""
        return self._add(Stay(user, rooms, away, self._timing.grace_seconds, at))

    def asked_to_view(self, user: int, topic: str, at: float) -> Stay:
        """The connection asks to view the topic."""
        return self._add(Stay(user, [view_of(topic)], away=False, grace=0, asked=at))

    def _add(self, stay: Stay) -> Stay:
        for room in stay.rooms:
            self._stays[room, stay.user].append(stay)
        return stay

    def left(self, stay: Stay, at: float) -> None:
        """The connection asks to leave: the grace begins when that is made."""
        stay.ends, stay.gone = at + stay.grace, at + stay.grace + LATE_SECONDS

    def fell_silent(self, stay: Stay, at: float) -> None:
        """The connection's process was killed or frozen: its lease lasts since its last beat."""
        timing = self._timing
        last_beat = at - timing.beat_seconds - LATE_SECONDS
        stay.ends = min(stay.ends, last_beat + timing.lease_seconds + stay.grace)
        stay.gone = at + timing.lease_seconds + stay.grace + LATE_SECONDS

    def begins_again(self, stay: Stay, at: float) -> Stay:
        """What is known of the connection may be lost; it must be made good within a lease."""
        stay.ends, stay.gone = min(stay.ends, at), at
        again = self._add(Stay(stay.user, stay.rooms, stay.away, stay.grace, at))
        again.counts = at + self._timing.lease_seconds
        return again

    def forgotten(self, at: float) -> None:
        """The store lost everything, graces that were running among it."""
        for stays in self._stays.values():
            for stay in stays:
                stay.ends = min(stay.ends, at)

    def must_be_here(self, room: str, user: int, start: float, end: float) -> bool:
        """Whether one of the person's connections must count during all of that time."""
        return any(stay.counts <= start and end <= stay.ends for stay in self._stays[room, user])

    def must_be_gone(self, room: str, user: int, start: float, end: float) -> bool:
        """Whether none of them may count at any of that time."""
        return all(end < stay.asked or stay.gone < start for stay in self._stays[room, user])

    def here_now(self, room: str, at: float) -> dict[int, State]:
        """The roster, at a time when nothing is under way."""
        here: dict[int, State] = {}
        for (name, user), stays in self._stays.items():
            open_now = [stay for stay in stays if stay.asked <= at < stay.gone]
            if name == room and open_now:
                all_away = all(stay.away for stay in open_now)
                here[user] = State.AWAY if all_away else State.ONLINE
        return here


class Follower:
    """A client of one room, as the wire asks clients to be.

    It applies what is announced in the order of versions, and takes the roster at a gap.
    """

    def __init__(self) -> None:
        self.people: dict[int, State] = {}
        self._version = 0
        self._heard: dict[int, Announcement] = {}
        self._behind_since: float | None = None

    def hear(self, heard: Announcement) -> bool:
        """Take an announcement; return whether its version was not heard before."""
        is_new = heard.version not in self._heard
        self._heard[heard.version] = heard
        self._apply()
        return is_new

    def look(self, roster: Roster, now: float) -> bool:
        """Look at the roster as it is now; return whether it was taken because of a gap."""
        if not self._version:
            self._take(roster)
        elif roster.version <= self._version:
            self._behind_since = None
        elif self._behind_since is None:
            self._behind_since = now
        elif now - self._behind_since > PATIENCE_SECONDS:
            self._take(roster)
            return True
        return False

    def _take(self, roster: Roster) -> None:
        self._version, self.people = roster.version, dict(roster.people)
        self._behind_since = None
        self._apply()

    def _apply(self) -> None:
        while following := self._heard.get(self._version + 1):
            self._version += 1
            self._behind_since = None
            self.people |= following.people
            self.people = {u: s for u, s in self.people.items() if s != State.OFFLINE}
