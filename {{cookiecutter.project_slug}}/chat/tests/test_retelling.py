"""What is told of messages that are edited, deleted or read, or whose room or people change.

`Told` tells the same in the simplest way that there is: it keeps everything that happened.
"""

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
from django.db import connections

from accounts.models import User
from chat import actions
from chat.models import Mention, Room
from chat.tests.conftest import Published, Say
from chat.tests.test_doors import CHANGES, DELETIONS, by_the_profile
from notifications import actions as notifications
from notifications.actions import set_target_preference
from notifications.kinds import TargetLevel
from notifications.models import HAPPENINGS_KEPT, Happening, Notification
from notifications.queries import of
from notifications.tests.conftest import assert_numbers_hold
from realtime.tasks import run_due

pytestmark = pytest.mark.django_db

Line = tuple[str, str, int]
"""A notification's text, excerpt and count."""

Story = Callable[["Scene"], object]


def lines(user: User) -> list[Line]:
    return [(row.text, row.excerpt, row.count) for row in of(user.pk)]


@dataclass
class Scene:
    """Ada has mentioned bob in "One, @bob" (1), "Two, @bob" (2) and "Three, @bob" (3)."""

    room: Room
    ada: User
    bob: User
    eve: User
    say: Say

    def begin(self) -> None:
        for body in ("One, @bob", "Two, @bob", "Three, @bob"):
            self.say(self.room, self.ada, body)

    def delete(self, *seqs: int) -> None:
        for seq in seqs:
            actions.delete_message(self.room, self.ada, seq=seq)

    def edit(self, seq: int, body: str) -> None:
        actions.edit_message(self.room, self.ada, seq=seq, body=body)

    def read(self) -> None:
        notifications.mark_all_read(self.bob)

    def answer(self, body: str) -> None:
        """Ada answers a message of bob's."""
        question = self.say(self.room, self.bob, "Where?")
        self.say(self.room, self.ada, body, reply_to=question.seq)


@pytest.fixture
def scene(public: Room, ada: User, bob: User, eve: User, say: Say) -> Scene:
    scene = Scene(public, ada, bob, eve, say)
    scene.begin()
    return scene


MENTIONED = "ada mentioned you in General"

STORIES: dict[str, tuple[list[Story], list[Line]]] = {
    "nothing": ([], [(MENTIONED, "Three, @bob", 3)]),
    "the newest is deleted": ([lambda s: s.delete(3)], [(MENTIONED, "Two, @bob", 2)]),
    "the oldest is deleted": ([lambda s: s.delete(1)], [(MENTIONED, "Three, @bob", 2)]),
    "all but the middle are deleted": ([lambda s: s.delete(3, 1)], [(MENTIONED, "Two, @bob", 1)]),
    "all are deleted": ([lambda s: s.delete(2, 1, 3)], []),
    "the newest is edited": (
        [lambda s: s.edit(3, "Four, @bob")],
        [(MENTIONED, "Four, @bob", 3)],
    ),
    "an older is edited": (
        [lambda s: s.edit(2, "2, @bob")],
        [(MENTIONED, "Three, @bob", 3)],
    ),
    "an older is edited and then the newest": (
        [lambda s: s.edit(2, "2, @bob"), lambda s: s.delete(3)],
        [(MENTIONED, "2, @bob", 2)],
    ),
    "the newest mention is taken out": (
        [lambda s: s.edit(3, "Three")],
        [(MENTIONED, "Two, @bob", 2)],
    ),
    "all mentions are taken out": (
        [lambda s: s.edit(1, "1"), lambda s: s.edit(2, "2"), lambda s: s.edit(3, "3")],
        [],
    ),
    "a mention is taken out and put in again": (
        [lambda s: s.edit(1, "1"), lambda s: s.edit(1, "Again, @bob")],
        [(MENTIONED, "Again, @bob", 3)],
    ),
    "an answer's mention is taken out": (
        [lambda s: s.answer("Here, @bob"), lambda s: s.edit(5, "Here")],
        [("ada answered you in General", "Here", 4)],
    ),
    "a message's mention is taken out of a room that is followed": (
        [
            lambda s: set_target_preference(s.bob, s.room.topic, TargetLevel.EVERYTHING),
            lambda s: s.edit(3, "Three"),
        ],
        [("ada wrote in General", "Three", 3)],
    ),
    "read, and then one is deleted": (
        [lambda s: s.read(), lambda s: s.delete(3)],
        [(MENTIONED, "Two, @bob", 2)],
    ),
    "read, and then one is edited": (
        [lambda s: s.read(), lambda s: s.edit(3, "3, @bob")],
        [(MENTIONED, "3, @bob", 3)],
    ),
    "read, told anew, and then of each one is deleted": (
        [
            lambda s: s.read(),
            lambda s: s.begin(),
            lambda s: s.delete(3, 6),
        ],
        [(MENTIONED, "Two, @bob", 2), (MENTIONED, "Two, @bob", 2)],
    ),
    "bob deletes it, and then one is edited": (
        [
            lambda s: notifications.delete(s.bob, of(s.bob.pk).get().pk),
            lambda s: s.edit(3, "3, @bob"),
            lambda s: s.delete(2),
        ],
        [],
    ),
    "bob leaves": ([lambda s: actions.leave_room(s.room, s.bob)], []),
    "bob is removed": ([lambda s: actions.remove_member(s.room, s.ada, s.bob)], []),
    "the room is deleted": ([lambda s: actions.delete_room(s.room)], []),
    "bob is deactivated meanwhile": (
        [
            lambda s: User.objects.filter(pk=s.bob.pk).update(is_active=False),
            lambda s: s.delete(3),
            lambda s: s.edit(2, "Words taken back"),
        ],
        [(MENTIONED, "One, @bob", 1)],
    ),
}


@pytest.mark.parametrize("name", STORIES)
def test_what_is_folded_is_told_again_from_what_is_left(scene: Scene, name: str) -> None:
    story, expected = STORIES[name]
    for step in story:
        step(scene)

    assert lines(scene.bob) == expected
    assert_numbers_hold(scene.bob)
    assert Happening.objects.count() == sum(count for _, _, count in expected)


def test_what_is_folded_has_the_rooms_new_name(scene: Scene) -> None:
    actions.update_room(scene.room, None, name="Lobby", about="")
    run_due()
    assert lines(scene.bob) == [("ada mentioned you in Lobby", "Three, @bob", 3)]

    scene.delete(3)
    assert lines(scene.bob) == [("ada mentioned you in Lobby", "Two, @bob", 2)]


def test_what_is_folded_has_its_peoples_new_names(scene: Scene) -> None:
    scene.say(scene.room, scene.bob, "@ada")
    before = of(scene.ada.pk).get().rev
    scene.bob.display_name = "Bob the Builder"
    scene.bob.save()
    run_due()

    notification = of(scene.ada.pk).get()
    assert notification.text == "Bob the Builder mentioned you in General"
    assert notification.rev == before + 1


@pytest.mark.parametrize("rename", [*CHANGES, by_the_profile])
def test_a_new_name_by_any_door_is_told(scene: Scene, rename: Callable[..., None]) -> None:
    rename(scene.ada, {"display_name": "Lady Lovelace"})
    run_due()
    assert lines(scene.bob) == [("Lady Lovelace mentioned you in General", "Three, @bob", 3)]


@pytest.mark.parametrize("delete", DELETIONS)
def test_whoever_is_deleted_by_any_door_is_someone(
    scene: Scene, delete: Callable[[User], None]
) -> None:
    actions.invite(scene.room, scene.ada, scene.eve)
    delete(scene.ada)
    run_due()
    assert lines(scene.bob) == [("Someone mentioned you in General", "Three, @bob", 3)]
    assert lines(scene.eve) == []


def test_invitations_fold_and_are_taken_back_one_by_one(ada: User, eve: User) -> None:
    rooms = [actions.create_room(ada, name=name) for name in ("One", "Two", "Three", "Four")]
    for room in rooms:
        actions.invite(room, ada, eve)
    assert lines(eve) == [("ada invites you to Four", "", 4)]
    assert of(eve.pk).get().link == "/"

    actions.withdraw_invitation(rooms[3], ada, eve)
    assert lines(eve) == [("ada invites you to Three", "", 3)]
    actions.accept_invitation(rooms[0], eve)
    actions.decline_invitation(rooms[2], eve)
    assert lines(eve) == [("ada invites you to Two", "", 1)]
    actions.delete_room(rooms[1])
    assert lines(eve) == []
    assert_numbers_hold(eve)


def test_a_notification_keeps_so_many_happenings_and_counts_no_more(
    public: Room, ada: User, bob: User, say: Say
) -> None:
    for _ in range(HAPPENINGS_KEPT):
        notifications.notify(
            [bob], "chat.mention", ada, public.topic, room="General", excerpt="", seq=1
        )
    say(public, ada, "The last, @bob")

    assert lines(bob) == [(MENTIONED, "The last, @bob", 100)]
    assert Happening.objects.count() == 100


def test_what_is_taken_back_is_loud_no_more(scene: Scene) -> None:
    notifications.set_preference(scene.bob, "chat.reply", "quiet")
    scene.answer("Here")
    assert not of(scene.bob.pk).get().quiet
    scene.delete(1, 2, 3)

    assert of(scene.bob.pk).get().quiet


# At random


@dataclass
class Fold:
    """One notification, as a list of what it tells: the numbers of messages, each with its kind."""

    parts: list[tuple[int, str]] = field(default_factory=list)
    is_read: bool = False


class Told:
    """What bob is told of a room, by the rules alone: nothing is written, all is recomputed."""

    def __init__(self) -> None:
        self.bodies: dict[int, str] = {}
        self.folds: list[Fold] = []

    def post(self, seq: int, body: str, *, answers_bob: bool) -> None:
        self.bodies[seq] = body
        kind = "mentioned" if "@bob" in body else "answered" if answers_bob else ""
        if kind:
            self._tell(seq, kind)

    def edit(self, seq: int, body: str, *, answers_bob: bool) -> None:
        newly = "@bob" in body and "@bob" not in self.bodies[seq]
        self.bodies[seq] = body
        is_told = any(seq == told for fold in self.folds for told, _ in fold.parts)
        for fold in self.folds:
            if "@bob" not in body:
                fallback = [(seq, "answered")] if answers_bob else []
                fold.parts = [
                    part
                    for told in fold.parts
                    for part in (fallback if told == (seq, "mentioned") else [told])
                ]
        if newly and not is_told:
            self._tell(seq, "mentioned")

    def delete(self, seq: int) -> None:
        for fold in self.folds:
            fold.parts = [part for part in fold.parts if part[0] != seq]

    def read(self) -> None:
        for fold in self.folds:
            fold.is_read = True

    def lines(self) -> list[tuple[str, str, int, bool]]:
        """The latest first."""
        return [
            (
                f"ada {fold.parts[-1][1]} you in General",
                self.bodies[fold.parts[-1][0]],
                len(fold.parts),
                fold.is_read,
            )
            for fold in reversed(self.folds)
            if fold.parts
        ]

    def _tell(self, seq: int, kind: str) -> None:
        self.folds = [fold for fold in self.folds if fold.parts]
        if not self.folds or self.folds[-1].is_read:
            self.folds.append(Fold())
        self.folds[-1].parts.append((seq, kind))


@pytest.mark.parametrize("seed", range(2))
def test_whatever_happens_bob_is_told_what_is_so(
    public: Room, ada: User, bob: User, say: Say, published: Published, seed: int
) -> None:
    chance = random.Random(seed)
    told = Told()
    question = say(public, bob, "A question").seq
    there: dict[int, bool] = {}  # messages of ada's, each with whether it answers bob
    for step in range(60):
        body = f"{step}{chance.choice(['', ', @bob'])}"
        act = chance.choice(["post", "post", "edit", "edit", "delete", "read"])
        if act == "post":
            answers = chance.random() < 0.3
            seq = say(public, ada, body, reply_to=question if answers else None).seq
            there[seq] = answers
            told.post(seq, body, answers_bob=answers)
        elif act == "read":
            if chance.random() < 0.4:
                notifications.mark_target_read(bob, public.topic)
                told.read()
        elif there:
            seq = chance.choice(list(there))
            if act == "edit":
                actions.edit_message(public, ada, seq=seq, body=body)
                told.edit(seq, body, answers_bob=there[seq])
            else:
                actions.delete_message(public, ada, seq=seq)
                told.delete(seq)
                del there[seq]
        rows = [(r.text, r.excerpt, r.count, r.read_at is not None) for r in of(bob.pk)]
        assert rows == told.lines(), f"after step {step}"
    assert_numbers_hold(bob)
    assert not Notification.objects.exclude(deleted_at=None).exclude(data={}).exists()


# At once


@pytest.mark.django_db(transaction=True)
def test_whoever_writes_at_once_what_is_told_is_what_the_messages_say(
    public: Room, ada: User, bob: User, say: Say
) -> None:
    rooms = [public, actions.create_room(ada, name="Other")]
    people = [User.objects.create(username=f"person{number}") for number in range(3)]
    for room in rooms:
        for person in [bob, *people]:
            actions.enter(room, person)

    def write(number: int) -> None:
        chance = random.Random(number)
        names = [f"@{person.username}" for person in people]
        own: list[tuple[Room, int]] = []
        try:
            for step in range(12):
                body = " ".join([f"{number}.{step}", *chance.sample(names, k=chance.randrange(4))])
                if not own or chance.random() < 0.4:
                    room = chance.choice(rooms)
                    own.append((room, say(room, bob, body).seq))
                elif chance.random() < 0.6:
                    room, seq = chance.choice(own)
                    actions.edit_message(room, bob, seq=seq, body=body)
                else:
                    room, seq = own.pop(chance.randrange(len(own)))
                    actions.delete_message(room, bob, seq=seq)
                if step == 6 and number == 0:
                    people[0].delete()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(3) as threads:
        for done in [threads.submit(write, number) for number in range(3)]:
            done.result()

    mentions = Mention.objects.select_related("message__room")
    assert Counter(
        (each.notification.recipient_id, each.target, each.key, each.data["excerpt"])
        for each in Happening.objects.select_related("notification")
    ) == Counter(
        (each.user_id, each.message.room.topic, str(each.message.seq), each.message.body)
        for each in mentions
    )
    for person in people[1:]:
        assert_numbers_hold(person)
