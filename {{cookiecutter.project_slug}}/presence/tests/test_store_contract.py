"""What every store keeps to: each test runs against both."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from msgspec.structs import asdict

from presence.stores import Announcement, LeaseLost, State, Timing
from presence.tests.subjects import EACH_STORE, TIMING, MemorySubject, RedisSubject, Subject, visit
from realtime.tests.redis_server import RedisServer

ONLINE, AWAY, OFFLINE = State.ONLINE, State.AWAY, State.OFFLINE
SLACK_SECONDS = 0.01  # the stores' clock counts milliseconds
CLOCK_SECONDS = 0.002  # and a window is hardly longer than the slack


@pytest_asyncio.fixture(params=EACH_STORE)
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    subject: Subject
    if request.param == "memory":
        subject = MemorySubject()
    else:
        server: RedisServer = request.getfixturevalue("redis_server")
        subject = RedisSubject(server)
    await subject.start("one", "two")
    yield subject
    await subject.store.close()


async def test_a_first_connection_is_announced(subject: Subject) -> None:
    before = (await subject.roster()).version

    await subject.put(7, "tab")

    assert await subject.settled() == [(7, ONLINE)]
    (heard,) = subject.heard
    assert (heard.room, heard.version, heard.size) == ("hall", before + 1, 1)
    assert abs(heard.at - subject.now()) < 60
    roster = await subject.roster()
    assert (roster.version, roster.people, roster.size) == (before + 1, {7: ONLINE}, 1)


async def test_a_connection_moves_between_rooms(subject: Subject) -> None:
    await subject.put(7, "tab", rooms=("hall", "den"))
    await subject.put(8, "tab", rooms=("den",))
    await subject.settled()
    subject.heard.clear()

    await subject.put(7, "tab", rooms=("den", "attic"))
    await subject.settled()

    assert {(heard.room, *heard.people.items()) for heard in subject.heard} == {
        ("attic", (7, ONLINE)),
        ("hall", (7, OFFLINE)),
    }


async def test_a_second_connection_changes_nothing(subject: Subject) -> None:
    await subject.put(7, "tab")
    await subject.put(7, "phone", at="two")
    await subject.settled()

    await subject.leave(7, "tab")

    assert await subject.settled() == [(7, ONLINE)]


async def test_doubled_changes_are_harmless(subject: Subject) -> None:
    await subject.put(7, "tab")
    await subject.put(7, "tab")
    await subject.leave(7, "tab")
    await subject.leave(7, "tab")
    await subject.put(7, "phone")

    assert await subject.settled() == [(7, ONLINE)]
    await subject.leave(7, "phone")
    assert await subject.settled() == [(7, ONLINE), (7, OFFLINE)]


async def test_a_person_leaves_after_the_grace_and_not_before(subject: Subject) -> None:
    await subject.put(7, "tab")
    await subject.settled()

    left_at = subject.now()
    await subject.leave(7, "tab")

    assert await subject.people() == {7: ONLINE}
    await subject.until(lambda: (7, OFFLINE) in subject.edges)
    assert subject.heard[-1].at - left_at >= TIMING.grace_seconds - SLACK_SECONDS
    assert await subject.people() == {}


async def test_a_reload_is_not_noticed(subject: Subject) -> None:
    await subject.put(7, "before")
    await subject.settled()

    await subject.leave(7, "before")
    await subject.put(7, "after", at="two")

    assert await subject.settled() == [(7, ONLINE)]
    assert await subject.people() == {7: ONLINE}


async def test_a_person_is_away_when_all_their_connections_are(subject: Subject) -> None:
    await subject.put(7, "tab")
    await subject.put(7, "phone", at="two")
    await subject.settled()

    await subject.put(7, "tab", away=True)
    await subject.put(7, "tab", away=True)
    assert await subject.people() == {7: ONLINE}
    await subject.put(7, "phone", away=True, at="two")
    assert await subject.people() == {7: AWAY}
    await subject.settled()
    await subject.put(7, "tab", away=False)

    assert await subject.settled() == [(7, ONLINE), (7, AWAY), (7, ONLINE)]


async def test_a_connection_may_begin_away(subject: Subject) -> None:
    await subject.put(7, "hidden tab", away=True)

    assert await subject.settled() == [(7, AWAY)]


async def test_a_reload_next_to_a_hidden_tab_is_not_noticed(subject: Subject) -> None:
    await subject.put(7, "before")
    await subject.put(7, "hidden tab", away=True)
    await subject.settled()

    await subject.leave(7, "before")
    await subject.put(7, "after")

    assert await subject.settled() == [(7, ONLINE)]


async def test_who_closes_their_only_visible_tab_is_away_after_the_grace(subject: Subject) -> None:
    await subject.put(7, "tab")
    await subject.put(7, "hidden tab", away=True)
    await subject.settled()

    await subject.leave(7, "tab")

    assert await subject.people() == {7: ONLINE}
    assert await subject.settled() == [(7, ONLINE), (7, AWAY)]


async def test_who_hides_vanishes_at_once_and_stays_hidden(subject: Subject) -> None:
    await subject.put(7, "tab")
    await subject.settled()

    await subject.put(7, "tab", visibility=1)

    assert await subject.people() == {}
    await subject.put(7, "phone", at="two")
    await subject.put(7, "tab", away=True)
    await subject.leave(7, "tab")
    assert await subject.settled() == [(7, ONLINE), (7, OFFLINE)]


async def test_who_joins_hidden_is_never_announced(subject: Subject) -> None:
    await subject.put(7, "tab", visibility=3)
    await subject.leave(7, "tab")

    assert await subject.settled() == []
    assert subject.heard == []


async def test_who_shows_again_is_announced(subject: Subject) -> None:
    await subject.put(7, "tab", visibility=1)

    await subject.put(7, "tab", visibility=2)

    assert await subject.settled() == [(7, ONLINE)]


async def test_an_older_visibility_that_arrives_late_does_not_count(subject: Subject) -> None:
    await subject.put(7, "tab", visibility=3)

    await subject.put(7, "tab", visibility=2)
    await subject.put(7, "phone", at="two", visibility=0)

    assert await subject.people() == {}


async def test_the_people_of_a_silent_process_leave_after_lease_and_grace(
    subject: Subject,
) -> None:
    await subject.put(7, "tab", at="two")
    await subject.put(8, "tab")
    await subject.put(8, "phone", at="two")
    await subject.settled()

    await subject.store.beat("two")
    silent_at = subject.now()
    subject.silence("two")

    await subject.until(lambda: (7, OFFLINE) in subject.edges)
    waited = subject.heard[-1].at - silent_at
    assert waited >= TIMING.lease_seconds + TIMING.grace_seconds - 2 * SLACK_SECONDS
    assert await subject.people() == {8: ONLINE}
    assert (8, OFFLINE) not in await subject.settled()


async def test_a_silent_process_loses_its_lease_and_changes_nothing_more(
    subject: Subject,
) -> None:
    await subject.put(7, "tab", at="two")
    subject.silence("two")
    await subject.until(lambda: (7, OFFLINE) in subject.edges)

    with pytest.raises(LeaseLost):
        await subject.store.beat("two")
    with pytest.raises(LeaseLost):
        await subject.put(9, "tab", at="two")
    assert await subject.people() == {}


async def test_a_lease_is_lost_when_it_has_run_out_and_not_when_that_is_seen(
    subject: Subject,
) -> None:
    ran_out_at = subject.now() + TIMING.lease_seconds + SLACK_SECONDS
    while subject.now() <= ran_out_at:
        await subject.tick()

    with pytest.raises(LeaseLost):
        await subject.store.beat("two")
    with pytest.raises(LeaseLost):
        await subject.put(7, "tab", at="two")


async def test_an_unknown_process_has_no_lease(subject: Subject) -> None:
    with pytest.raises(LeaseLost):
        await subject.store.beat("three")
    with pytest.raises(LeaseLost):
        await subject.put(7, "tab", at="three")


async def test_a_process_that_joins_again_under_a_new_name_is_not_noticed(
    subject: Subject,
) -> None:
    await subject.put(7, "tab", at="two")
    await subject.settled()
    subject.silence("two")

    await subject.start("three")
    await subject.put(7, "tab", at="three")

    reaped_at = subject.now() + TIMING.lease_seconds + 2 * TIMING.grace_seconds
    await subject.until(lambda: subject.now() > reaped_at)
    assert await subject.settled() == [(7, ONLINE)]
    assert await subject.people() == {7: ONLINE}


async def test_a_released_process_leaves_without_its_lease_running_out(subject: Subject) -> None:
    await subject.put(7, "tab", at="two")
    await subject.settled()
    subject.silence("two")

    released_at = subject.now()
    await subject.store.release("two")

    await subject.until(lambda: (7, OFFLINE) in subject.edges)
    assert subject.heard[-1].at - released_at >= TIMING.grace_seconds - SLACK_SECONDS
    with pytest.raises(LeaseLost):
        await subject.store.beat("two")


async def test_a_process_can_be_released_twice_or_with_nothing_under_it(subject: Subject) -> None:
    await subject.store.release("two")
    await subject.store.release("two")
    await subject.store.release("never heard of")

    with pytest.raises(LeaseLost):
        await subject.store.beat("two")


async def test_a_beat_tells_how_much_is_under_the_lease(subject: Subject) -> None:
    await subject.put(7, "tab", rooms=("hall", "den"))
    await subject.put(8, "tab", rooms=(), viewing="chat:general")
    await subject.put(9, "tab", rooms=())
    await subject.leave(10, "tab")

    assert await subject.store.beat("one") == 3
    assert await subject.store.beat("two") == 0


async def test_a_sweep_keeps_to_its_limit(subject: Subject) -> None:
    await subject.store.put("two", [visit(user) for user in range(1, 26)])
    await subject.store.release("two")

    sweeps = 1
    while (await subject.store.sweep(limit=10)).more:
        sweeps += 1

    assert sweeps == 3


async def test_arrivals_are_announced_together(subject: Subject) -> None:
    before, began_at = (await subject.roster()).version, subject.now()
    wake = await subject.store.put("one", [visit(user) for user in range(1, 11)])
    wake_again = await subject.put(11, "tab")
    subject.heard += await subject.store.announce(limit=100)  # too early, unless that took long

    await subject.until(lambda: len(subject.edges) == 11)

    assert (wake, wake_again) == (True, False)
    (heard,) = subject.heard
    assert heard.version == before + 1
    assert heard.at >= began_at + TIMING.window_seconds - CLOCK_SECONDS
    assert dict(subject.edges) == dict.fromkeys(range(1, 12), ONLINE)


async def test_an_announcement_keeps_to_its_limit(subject: Subject) -> None:
    before = (await subject.roster()).version
    await subject.store.put("one", [visit(user) for user in range(1, 11)])
    heard: list[Announcement] = []
    while not heard:
        await subject.tick()
        heard = await subject.store.announce(limit=4)

    assert [announcement.version - before for announcement in heard] == [1, 2, 3]
    assert sorted(len(announcement.people) for announcement in heard) == [2, 4, 4]
    assert await subject.store.announce(limit=4) == []


async def test_whoever_comes_and_goes_within_a_window_is_announced_as_they_are_then(
    subject: Subject,
) -> None:
    await subject.put(7, "tab")
    await subject.put(7, "tab", visibility=1)

    assert await subject.settled() == [(7, OFFLINE)]


async def test_a_roster_keeps_to_its_limit(subject: Subject) -> None:
    users = [1, 2, 3, 10, 20, 100]
    await subject.store.put("one", [visit(user) for user in reversed(users)])

    some, everybody = await subject.roster(limit=4), await subject.roster(limit=6)

    assert (list(some.people), some.more, some.size) == ([1, 2, 3, 10], True, 6)
    assert (list(everybody.people), everybody.more, everybody.size) == (users, False, 6)


async def test_rosters_of_several_rooms_are_read_at_once(subject: Subject) -> None:
    await subject.put(7, "tab", rooms=("hall", "den"))
    await subject.put(8, "tab", rooms=("den",), away=True)

    hall, den, attic = await subject.store.rosters(["hall", "den", "attic"], limit=10)

    assert (hall.room, hall.people) == ("hall", {7: ONLINE})
    assert (den.room, den.people) == ("den", {7: ONLINE, 8: AWAY})
    assert (attic.room, attic.people) == ("attic", {})


async def test_a_person_shows_as_they_show_in_any_of_the_rooms(subject: Subject) -> None:
    await subject.put(7, "tab", away=True)
    await subject.put(7, "phone", rooms=("den",))
    await subject.put(8, "tab", away=True)
    await subject.put(9, "tab", rooms=("attic",))

    states = await subject.store.states(["hall", "den"], [7, 8, 9, 10])

    assert states == {7: ONLINE, 8: AWAY, 9: OFFLINE, 10: OFFLINE}


async def test_versions_only_rise(subject: Subject) -> None:
    async def versions() -> list[int]:
        return [r.version for r in await subject.store.rosters(["hall", "den"], limit=0)]

    hall, den = await versions()
    await subject.put(7, "tab")
    await subject.settled()

    assert await versions() == [hall + 1, den]


# Viewing


async def test_a_person_views_what_one_of_their_connections_views(subject: Subject) -> None:
    await subject.view(7, "tab", "chat:general")
    await subject.view(7, "phone", "chat:general", at="two")
    await subject.view(8, "tab", "chat:random")

    assert subject.viewers("chat:general") == {(7, "chat:general")}
    assert subject.viewers("chat:random", "chat:general", "chat:quiet") == {
        (7, "chat:general"),
        (8, "chat:random"),
    }


async def test_a_person_views_a_topic_until_their_last_connection_stops(subject: Subject) -> None:
    await subject.view(7, "tab", "chat:general")
    await subject.view(7, "window", "chat:general")

    await subject.view(7, "tab", None)
    assert subject.viewers("chat:general") == {(7, "chat:general")}
    await subject.view(7, "window", None)
    assert subject.viewers("chat:general") == set()


async def test_doubled_views_are_harmless(subject: Subject) -> None:
    await subject.view(7, "tab", "chat:general")
    await subject.view(7, "tab", "chat:general")
    await subject.view(7, "window", "chat:general")
    await subject.view(7, "tab", None)
    await subject.view(7, "tab", None)
    assert subject.viewers("chat:general") == {(7, "chat:general")}

    await subject.view(7, "window", None)
    assert subject.viewers("chat:general") == set()


async def test_viewing_is_not_announced(subject: Subject) -> None:
    await subject.view(7, "tab", "hall")

    assert await subject.settled() == []
    assert await subject.people() == {}


async def test_views_end_with_the_lease_and_not_when_that_is_swept(subject: Subject) -> None:
    await subject.view(7, "tab", "chat:general", at="two")
    await subject.view(8, "tab", "chat:general")
    subject.silence("two")
    expired_at = subject.now() + TIMING.lease_seconds + SLACK_SECONDS

    while subject.now() <= expired_at:
        await subject.tick()
        await subject.store.beat("one")

    assert subject.viewers("chat:general") == {(8, "chat:general")}


async def test_views_end_when_their_process_is_released(subject: Subject) -> None:
    await subject.put(7, "tab", at="two")
    await subject.view(7, "tab", "chat:general", at="two")

    await subject.store.release("two")

    assert subject.viewers("chat:general") == set()


def test_the_timing_where_nobody_sets_it() -> None:
    assert asdict(Timing()) == {
        "lease_seconds": 30,
        "beat_seconds": 10,
        "grace_seconds": 3,
        "window_seconds": 0.2,
        "sweep_seconds": 1,
    }
