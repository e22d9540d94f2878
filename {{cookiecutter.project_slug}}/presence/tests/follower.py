"""A client of one room, as the wire asks clients to be."""

from presence.stores import Announcement, Roster, State

PATIENCE_SECONDS = 1.0


class Follower:
    """Applies what is announced in the order of versions, and takes the roster at a gap."""

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
