"""The presence of the running process."""

import asyncio
from collections.abc import Collection

from presence.announcements import tell
from presence.attendance import Attendance
from presence.queries import visibilities_by_id
from presence.stores import open_store
from realtime.database import in_database

_attendance: Attendance | None = None


def this_attendance() -> Attendance:
    """The running event loop's attendance, made on first use."""
    global _attendance
    if (
        _attendance is None
        or _attendance.ended
        or _attendance.loop is not asyncio.get_running_loop()
    ):
        _attendance = Attendance(open_store(), tell, _read_visibilities)
    return _attendance


def running_attendance() -> Attendance | None:
    """The process's attendance, from any thread; None where no socket ever asked for presence."""
    if _attendance is not None and not _attendance.ended and _attendance.loop.is_running():
        return _attendance
    return None


async def stop_attendance() -> None:
    """End the running event loop's attendance, where there is one."""
    global _attendance
    if _attendance is not None and _attendance.loop is asyncio.get_running_loop():
        attendance, _attendance = _attendance, None
        await attendance.stop()


async def _read_visibilities(user_ids: Collection[int]) -> dict[int, int]:
    return await in_database(visibilities_by_id, user_ids)
