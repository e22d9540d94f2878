"""Sessions: who is signed in by them, read in few queries and never written."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.base_session import AbstractBaseSession
from django.core.exceptions import ImproperlyConfigured
from django.db.models import CharField, QuerySet, Value
from django.db.models.functions import Cast
from django.utils import timezone
from django.utils.crypto import constant_time_compare

if TYPE_CHECKING:
    from realtime.delivery.connection import Connection

DROPPED_AT_ONCE = 10_000

SessionData = dict[str, Any]  # Any: what apps keep in a session


def session_rows() -> type[AbstractBaseSession]:
    """The model of the sessions.

    Raises:
        ImproperlyConfigured: SESSION_ENGINE keeps them elsewhere.
    """
    store = import_module(settings.SESSION_ENGINE).SessionStore
    if not hasattr(store, "get_model_class"):
        raise ImproperlyConfigured(
            f"SESSION_ENGINE is {settings.SESSION_ENGINE}, which keeps no rows, so the server "
            "cannot tell which sockets are still signed in. Use "
            "django.contrib.sessions.backends.db or .cached_db."
        )
    model: type[AbstractBaseSession] = store.get_model_class()
    return model


class VerifiedSession(NamedTuple):
    """A session in which an active user is signed in."""

    user: AbstractBaseUser
    session_key: str
    session_data: str  # encoded, as its row has it

    def opened(self) -> SessionBase:
        """The session as its row has it: nothing is read again."""
        store: SessionBase = import_module(settings.SESSION_ENGINE).SessionStore(self.session_key)
        store.load = partial(store.decode, self.session_data)  # type: ignore[method-assign]
        return store


def verified_sessions(session_keys: Sequence[str]) -> list[VerifiedSession | None]:
    """Each session, or None where nobody is signed in by it; in two queries, without a write.

    A session signed with one of SECRET_KEY_FALLBACKS is valid: its browser gets a new one with its
    next page, where Django's own check would end it.
    """
    rows = {row.session_key: row.session_data for row in _live(set(session_keys))}
    store = import_module(settings.SESSION_ENGINE).SessionStore()
    sessions: dict[str, SessionData] = {key: store.decode(data) for key, data in rows.items()}
    user_ids = {session[SESSION_KEY] for session in sessions.values() if session.get(SESSION_KEY)}
    active = get_user_model()._default_manager.filter(pk__in=user_ids, is_active=True)
    users = {str(user.pk): user for user in active}
    verified = {key: _user_of(session, users) for key, session in sessions.items()}
    return [
        VerifiedSession(user, key, rows[key]) if (user := verified.get(key)) is not None else None
        for key in session_keys
    ]


def end_sessions(user_id: int, but: str | None = None) -> None:
    """End a person's sessions, other than the one with the key `but`.

    A row does not say whose it is, so all are read: a second for some 30,000.
    """
    store = import_module(settings.SESSION_ENGINE).SessionStore
    live = session_rows()._default_manager.filter(expire_date__gt=timezone.now())
    rows = live.exclude(session_key=but or "").values_list("session_key", "session_data")
    decode = store().decode
    theirs = [key for key, data in rows.iterator() if decode(data).get(SESSION_KEY) == str(user_id)]
    for key in theirs:
        store(key).delete()


def drop_expired_sessions() -> None:
    """Delete expired sessions, at most `DROPPED_AT_ONCE`: Django keeps their rows."""
    rows = session_rows()._default_manager
    over = rows.filter(expire_date__lt=timezone.now()).values("pk")[:DROPPED_AT_ONCE]
    rows.filter(pk__in=over).delete()


def signed_out(connections: Iterable["Connection"]) -> list["Connection"]:
    """Those whose session ended, or whose user was deactivated, deleted or changed the password.

    One query for any number of sockets. It runs once a period for all of them, since
    `queryset.update()` and expiry send no signal.
    """
    connections = list(connections)
    live_sessions = _live({each.session_key for each in connections})
    active_users = (
        get_user_model()
        ._default_manager.order_by()
        .filter(pk__in={each.user_id for each in connections}, is_active=True)
        .values_list(Cast("pk", CharField()), "password")
    )
    live = set(live_sessions.values_list("session_key", Value("")).union(active_users, all=True))
    return [
        each
        for each in connections
        if (each.session_key, "") not in live or (str(each.user_id), each.password) not in live
    ]


def _live(session_keys: set[str]) -> QuerySet[AbstractBaseSession]:
    return session_rows()._default_manager.filter(
        session_key__in=session_keys, expire_date__gt=timezone.now()
    )


def _user_of(
    session: SessionData, users: Mapping[str, AbstractBaseUser]
) -> AbstractBaseUser | None:
    user = users.get(session.get(SESSION_KEY, ""))
    if user is None or session.get(BACKEND_SESSION_KEY) not in settings.AUTHENTICATION_BACKENDS:
        return None
    claimed = session.get(HASH_SESSION_KEY, "")
    hashes = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    return user if any(constant_time_compare(claimed, each) for each in hashes) else None
