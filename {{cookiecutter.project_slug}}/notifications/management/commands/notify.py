"""`manage.py notify`: send a notification in the site's own name."""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import Group
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Q, QuerySet

from accounts.models import User
from notifications.actions import notify
from notifications.forms import AnnouncementForm
from notifications.kinds import ANNOUNCEMENT, TEXT_CHARACTERS
from notifications.queries import in_chunks
from realtime.progress import progress


class Command(BaseCommand):
    help = "Send a notification to everyone, to groups or to some people."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("text", help=f"the text, at most {TEXT_CHARACTERS} characters")
        parser.add_argument(
            "--link", default="", help="the page it leads to: /path/ or https://..."
        )
        parser.add_argument(
            "--after", type=int, default=0, metavar="ID", help="go on where Ctrl-C has stopped it"
        )
        recipients = parser.add_argument_group("recipients (one or more)")
        recipients.add_argument("--everyone", action="store_true", help="all active people")
        recipients.add_argument("--group", action="append", default=[], metavar="NAME")
        recipients.add_argument("--user", action="append", default=[], metavar="USERNAME")

    def handle(
        self,
        *,
        text: str,
        link: str,
        after: int,
        everyone: bool,
        group: list[str],
        user: list[str],
        **options: Any,  # Any: Django's signature
    ) -> None:
        announcement = self._checked(text, link)
        people = self._people(everyone, group, user).filter(pk__gt=after)
        total = people.count()
        told = 0
        with progress(self.stderr, "people") as advance:
            for chunk in in_chunks(people):
                told += notify(chunk, ANNOUNCEMENT, **announcement)
                advance(len(chunk), total, f"with --after {chunk[-1]}")
        self.stdout.write(f"Told {told:,} of {total:,} people.")

    def _checked(self, text: str, link: str) -> dict[str, Any]:  # Any: as of a form
        form = AnnouncementForm({"text": text, "link": link})
        for field, errors in form.errors.items():
            what = f"--link {link}" if field == "link" else "Give a text that can be shown"
            raise CommandError(f"{what}: {' '.join(map(str, errors))}")
        return form.cleaned_data

    def _people(self, everyone: bool, groups: list[str], usernames: list[str]) -> QuerySet[User]:
        active = User.objects.filter(is_active=True)
        if everyone:
            return active
        if not groups and not usernames:
            raise CommandError("Say to whom: --everyone, --group NAME or --user USERNAME.")
        found_groups = Group.objects.filter(name__in=groups)
        found_people = active.filter(username__in=usernames)
        refuse_unknown("group", groups, found_groups.values_list("name", flat=True))
        refuse_unknown("user", usernames, found_people.values_list("username", flat=True))
        chosen = Q(groups__in=found_groups) | Q(pk__in=found_people)
        return User.objects.filter(pk__in=active.filter(chosen).values("pk"))


def refuse_unknown(what: str, names: list[str], known: Iterable[str]) -> None:
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise CommandError(f"There is no {what} called {', '.join(unknown)}.")
