"""Fills a new site with two people and some rooms to try it with."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone
from msgspec import Struct

from accounts.models import User
from chat import actions
from chat.models import Room

CONTENT = Path(__file__).parents[2] / "demo.json"


class Line(Struct):
    """One message."""

    author: str
    minutes_ago: int
    body: str
    answers: int | None = None
    """The message that it replies to, as an index into the room's lines."""
    reactions: dict[str, list[str]] = {}
    """Each emoji with those who chose it."""
    edited_to: str = ""


class DemoRoom(Struct):
    name: str
    owner: str
    about: str
    kind: str
    lines: list[Line]
    unread: int = 0
    """Nobody but its author has read so many of the last lines."""


class Demo(Struct):
    password: str
    people: dict[str, str]
    rooms: list[DemoRoom]
    direct: list[Line]


class Command(BaseCommand):
    help = "Add two demo people and their rooms. What is there already stays as it is."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--force", action="store_true", help="do it on a site that is not in DEBUG mode too"
        )

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:  # Any: Django's own signature
        if not (settings.DEBUG or options["force"]):
            raise CommandError(
                "The demo people have a password that everybody knows, so they are for DEBUG mode. "
                "If this site is not open to others, say --force."
            )
        demo = msgspec.json.decode(CONTENT.read_bytes(), type=Demo)
        self.people = {
            username: _person(username, name, demo.password)
            for username, name in demo.people.items()
        }
        for room in demo.rooms:
            self._make_room(room)
        self._fill(actions.start_direct(*self.people.values()), demo.direct)
        names = " or ".join(demo.people)
        self.stdout.write(f"Sign in as {names} with the password {demo.password}.")

    def _make_room(self, demo: DemoRoom) -> None:
        if Room.objects.filter(slug=demo.name.lower()).exists():
            return
        owner = self.people[demo.owner]
        room = actions.create_room(owner, name=demo.name, about=demo.about, kind=demo.kind)
        for person in self.people.values():
            if person != owner:
                actions.invite(room, owner, person)
                actions.accept_invitation(room, person)
        self._fill(room, demo.lines, demo.unread)

    def _fill(self, room: Room, lines: list[Line], unread: int = 0) -> None:
        if room.last_rev:
            return
        seqs: list[int] = []
        for line in lines:
            message = actions.post_message(
                room,
                self.people[line.author],
                body=line.body,
                client_id=f"demo-{len(seqs)}",
                reply_to=None if line.answers is None else seqs[line.answers],
                created_at=timezone.now() - timedelta(minutes=line.minutes_ago),
            )
            seqs.append(message.seq)
        for seq, line in zip(seqs, lines, strict=True):
            if line.edited_to:
                author = self.people[line.author]
                actions.edit_message(room, author, seq=seq, body=line.edited_to)
            for emoji, usernames in line.reactions.items():
                for username in usernames:
                    actions.toggle_reaction(room, self.people[username], seq=seq, emoji=emoji)
        for person in self.people.values():
            actions.mark_read(room, person, seq=seqs[-1 - unread])


def _person(username: str, name: str, password: str) -> User:
    person = User.objects.filter(username=username).first()
    return person or User.objects.create_user(
        username, f"{username}@example.com", password, display_name=name
    )
