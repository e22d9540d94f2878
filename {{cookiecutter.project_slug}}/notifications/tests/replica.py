"""A client's copy of somebody's notifications, kept as docs/protocol.md tells clients to."""

from typing import Any

Frame = dict[str, Any]  # Any: JSON


class Replica:
    """Applies frames; asserts that none is applied twice or out of turn."""

    def __init__(self) -> None:
        self.rev = 0
        self.epoch = ""
        self.unread = 0
        self.rows: dict[int, Frame] = {}
        self._early: dict[int, Frame] = {}

    def take(self, frame: Frame) -> None:
        data = frame["data"]
        match frame["type"]:
            case "welcome" if not self.epoch:
                self._start(frame)
            case "reset":
                self.rows.clear()
                self._start(frame)
            case "changes":
                for row in data["notifications"]:
                    self._keep(row)
                self._read_before(data["read_rev"])
                self.rev, self.unread = frame["rev"], data["unread"]
                self._apply_early()
            case (
                "notification.created" | "notification.updated" | "notification.deleted" | "unread"
            ):
                if frame["rev"] > self.rev:
                    assert frame["rev"] not in self._early, "no number is given twice"
                    self._early[frame["rev"]] = frame
                    self._apply_early()

    def _start(self, frame: Frame) -> None:
        self.rev, self.epoch = frame["rev"], frame["data"]["epoch"]
        self.unread = frame["data"]["unread"]
        for row in frame["data"]["notifications"]:
            self._keep(row)

    def _apply_early(self) -> None:
        self._early = {rev: frame for rev, frame in self._early.items() if rev > self.rev}
        while (frame := self._early.pop(self.rev + 1, None)) is not None:
            self.rev += 1
            self._apply(frame["type"], frame["data"])

    def _apply(self, type: str, data: Frame) -> None:
        if type == "unread":
            self._read_before(data["read_rev"])
            self.unread = data["count"]
            return
        self.unread = data["unread"]
        if type == "notification.deleted":
            self.rows.pop(data["id"], None)
        else:
            self._keep(data["notification"])

    def _keep(self, row: Frame) -> None:
        if row["deleted_at"]:
            self.rows.pop(row["id"], None)
        else:
            self.rows[row["id"]] = row

    def _read_before(self, rev: int) -> None:
        for row in self.rows.values():
            if row["rev"] < rev:
                row["read_at"] = row["read_at"] or "read"
