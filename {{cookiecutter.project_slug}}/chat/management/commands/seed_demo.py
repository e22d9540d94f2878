"""Fills a new site with two people and some rooms to try it with."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from chat import actions
from chat.demo import DIRECT, PASSWORD, PEOPLE, ROOMS, DemoRoom, Line
from chat.models import Room
from chat.wire import MessageData


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
        self.people = {username: _person(username, name) for username, name in PEOPLE.items()}
        for room in ROOMS:
            self._make_room(room)
        self._fill(actions.start_direct(*self.people.values()), DIRECT)
        self.stdout.write(f"Sign in as {' or '.join(PEOPLE)} with the password {PASSWORD}.")

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
        posted: list[MessageData] = []
        for line in lines:
            posted.append(self._post(room, line, posted))
        for line, message in zip(lines, posted, strict=True):
            self._decorate(room, line, message)
        for person in self.people.values():
            actions.mark_read(room, person, seq=posted[-1 - unread].seq)

    def _post(self, room: Room, line: Line, before: list[MessageData]) -> MessageData:
        return actions.post_message(
            room,
            self.people[line.author],
            body=line.body,
            client_id=f"demo-{len(before)}",
            reply_to=None if line.answers is None else before[line.answers].seq,
            created_at=timezone.now() - timedelta(minutes=line.minutes_ago),
        )

    def _decorate(self, room: Room, line: Line, message: MessageData) -> None:
        if line.edited_to:
            author = self.people[line.author]
            actions.edit_message(room, author, seq=message.seq, body=line.edited_to)
        for emoji, usernames in line.reactions.items():
            for username in usernames:
                person = self.people[username]
                actions.toggle_reaction(room, person, seq=message.seq, emoji=emoji)


def _person(username: str, name: str) -> User:
    person = User.objects.filter(username=username).first()
    return person or User.objects.create_user(
        username, f"{username}@example.com", PASSWORD, display_name=name
    )
