"""Fills a Django project's database with people who are signed in; run with that project's Django.

    python people.py FILE PEOPLE ROOMS

Person number i belongs to room number i modulo ROOMS. FILE gets a JSON list of session keys.
"""

import json
import sys
from importlib import import_module
from pathlib import Path

import django

django.setup()

from django.apps import apps  # noqa: E402 (models come after setup)
from django.conf import settings  # noqa: E402
from django.contrib.auth import (  # noqa: E402
    BACKEND_SESSION_KEY,
    HASH_SESSION_KEY,
    SESSION_KEY,
    get_user_model,
)
from django.contrib.auth.hashers import make_password  # noqa: E402
from django.db import transaction  # noqa: E402

User = get_user_model()
SessionStore = import_module(settings.SESSION_ENGINE).SessionStore


def signed_in(user: User) -> str:
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return session.session_key


def fill(people: int, rooms: int) -> list[str]:
    nobody = make_password(None)
    users = [User(username=f"bench{i}", password=nobody) for i in range(people)]
    User.objects.bulk_create(users, batch_size=500)
    if apps.is_installed("realtime"):
        open_rooms(users, rooms)
    return [signed_in(user) for user in users]


def open_rooms(users: list[User], rooms: int) -> None:
    from chat.models import Membership, Room

    places = Room.objects.bulk_create(
        Room(slug=f"bench-{i}", name=f"Bench {i}") for i in range(rooms)
    )
    Membership.objects.bulk_create(
        (Membership(user=user, room=places[i % rooms]) for i, user in enumerate(users)),
        batch_size=500,
    )


if __name__ == "__main__":
    target, people, rooms = sys.argv[1:]
    with transaction.atomic():
        keys = fill(int(people), int(rooms))
    Path(target).write_text(json.dumps(keys))
