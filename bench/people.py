"""Fills a Django project's database with people who are signed in; run with that project's Django.

    python people.py FILE PEOPLE ROOMS ROOMS_EACH

Person number i belongs to room number i modulo ROOMS, and to those that follow it. FILE gets a JSON
object with their session keys and the epochs of the rooms.
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
from django.db import connection, transaction  # noqa: E402

User = get_user_model()
SessionStore = import_module(settings.SESSION_ENGINE).SessionStore


def sessions(users: list[User]) -> list[str]:
    rows = []
    for user in users:
        store = SessionStore()
        keys = (SESSION_KEY, BACKEND_SESSION_KEY, HASH_SESSION_KEY)
        backend = settings.AUTHENTICATION_BACKENDS[0]
        values = (str(user.pk), backend, user.get_session_auth_hash())
        store.update(zip(keys, values, strict=True))
        rows.append(store.create_model_instance(dict(store.items())))
    type(rows[0]).objects.bulk_create(rows, batch_size=500)
    return [row.session_key for row in rows]


def fill(people: int, rooms: int, each: int) -> dict[str, list[str]]:
    nobody = make_password(None)
    User.objects.bulk_create(
        (User(username=f"bench{i}", password=nobody) for i in range(people)), batch_size=500
    )
    users = list(User.objects.order_by("pk"))
    places = [(user, (i + step) % rooms) for i, user in enumerate(users) for step in range(each)]
    ours = apps.is_installed("realtime")
    epochs = open_rooms(users, rooms, places) if ours else note_members(places)
    return {"cookies": sessions(users), "epochs": epochs}


def open_rooms(users: list[User], rooms: int, places: list[tuple[User, int]]) -> list[str]:
    """Fill the baked project; everyone has been here before, so that they have their inbox."""
    from chat.models import Membership, Room
    from notifications.models import Inbox

    made = Room.objects.bulk_create(
        Room(slug=f"bench-{i}", name=f"Bench {i}") for i in range(rooms)
    )
    memberships = (Membership(user=user, room=made[room]) for user, room in places)
    Membership.objects.bulk_create(memberships, batch_size=500)
    Inbox.objects.bulk_create((Inbox(user=user) for user in users), batch_size=500)
    return [str(room.epoch) for room in made]


def note_members(places: list[tuple[User, int]]) -> list[str]:
    """Fill the tutorial's tables."""
    from chat.models import Membership

    memberships = (Membership(user=user, room=f"bench-{room}") for user, room in places)
    Membership.objects.bulk_create(memberships, batch_size=500)
    return []


if __name__ == "__main__":
    target, *numbers = sys.argv[1:]
    with transaction.atomic():
        made = fill(*map(int, numbers))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    Path(target).write_text(json.dumps(made))
