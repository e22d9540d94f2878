"""Who opens a socket: the session of a browser on this origin, or the bearer of a ticket."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import parse_cookie
from django.http.request import validate_host
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from realtime.batching import Batcher
from realtime.database import in_database
from realtime.protocol import PROTOCOL, TICKET_PREFIX, CloseCode, Closing
from realtime.tickets import redeem

Scope = dict[str, Any]  # Any: an ASGI scope

MOST_SIGNING_IN = 20_000


class SignIn(NamedTuple):
    """Someone signed in, and the session that they are signed in by."""

    user: AbstractBaseUser
    session_key: str


def check_protocol(scope: Scope) -> None:
    """Raises: Closing: the client does not offer the protocol that is spoken here (4409)."""
    if PROTOCOL not in scope["subprotocols"]:
        raise Closing(CloseCode.VERSION, f"Offer the subprotocol {PROTOCOL}.")


async def sign_in(scope: Scope) -> SignIn:
    """The person who opens the socket. Reads the database and writes nothing but a used ticket.

    Raises:
        Closing: a foreign origin or none (4403); nobody, or no longer, signed in (4401).
    """
    session_key = await _claimed_session(scope)
    user = await _session_users.submit(session_key) if session_key else None
    if user is None or not session_key:
        raise Closing(CloseCode.UNAUTHENTICATED, "You are not signed in.")
    return SignIn(user, session_key)


def check_origin(scope: Scope, headers: dict[bytes, bytes]) -> None:
    """Refuse a page of another site: the browser would lend it the session's cookie.

    The origin is this site's where its host is the request's and one of ALLOWED_HOSTS, and its
    scheme is the one that the request came by; or where CSRF_TRUSTED_ORIGINS lists it.

    Raises:
        Closing: it is not, or there is none (4403).
    """
    origin = headers.get(b"origin", b"").decode("latin-1")
    if origin in settings.CSRF_TRUSTED_ORIGINS:
        return
    host = headers.get(b"host", b"").decode("latin-1")
    hostname = _hostname(host)
    allowed = settings.ALLOWED_HOSTS or ["localhost", "127.0.0.1", "[::1]"]
    if origin != f"{_scheme(scope, headers)}://{host}" or not validate_host(
        f"[{hostname}]" if ":" in hostname else hostname, allowed
    ):
        raise Closing(CloseCode.FORBIDDEN, "This origin may not open sockets here.")


def session_users(session_keys: Sequence[str]) -> list[AbstractBaseUser | None]:
    """For each session its active user, or None; in two queries, and writing nothing.

    A session signed with one of SECRET_KEY_FALLBACKS is good: its browser gets a new one with its
    next page, where Django's own check would end it.
    """
    store = import_module(settings.SESSION_ENGINE).SessionStore()
    rows = store.get_model_class().objects.filter(
        session_key__in=set(session_keys), expire_date__gt=timezone.now()
    )
    sessions = {row.session_key: store.decode(row.session_data) for row in rows}
    user_ids = {session.get(SESSION_KEY) for session in sessions.values()} - {None}
    active = get_user_model()._default_manager.filter(pk__in=user_ids, is_active=True)
    users = {str(user.pk): user for user in active}
    return [_verified(sessions.get(key, {}), users) for key in session_keys]


_session_users: Batcher[str, AbstractBaseUser | None] = Batcher(
    session_users, gathers=True, most_waiting=MOST_SIGNING_IN
)


def _verified(
    session: dict[str, Any],  # Any: what apps keep in a session
    users: Mapping[str, AbstractBaseUser],
) -> AbstractBaseUser | None:
    user = users.get(session.get(SESSION_KEY, ""))
    if user is None or session.get(BACKEND_SESSION_KEY) not in settings.AUTHENTICATION_BACKENDS:
        return None
    claimed = session.get(HASH_SESSION_KEY, "")
    hashes = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    return user if any(constant_time_compare(claimed, each) for each in hashes) else None


async def _claimed_session(scope: Scope) -> str | None:
    for offered in scope["subprotocols"]:
        if offered.startswith(TICKET_PREFIX):
            return await in_database(redeem, offered.removeprefix(TICKET_PREFIX))
    headers = dict(scope["headers"])
    check_origin(scope, headers)
    return _session_cookie(headers)


def _scheme(scope: Scope, headers: dict[bytes, bytes]) -> str:
    if settings.SECURE_PROXY_SSL_HEADER:
        name, secure = settings.SECURE_PROXY_SSL_HEADER
        header = name.removeprefix("HTTP_").replace("_", "-").lower().encode()
        return "https" if headers.get(header, b"").decode("latin-1") == secure else "http"
    return "https" if scope.get("scheme") in ("wss", "https") else "http"


def _session_cookie(headers: dict[bytes, bytes]) -> str | None:
    cookies = parse_cookie(headers.get(b"cookie", b"").decode("latin-1"))
    key: str | None = cookies.get(settings.SESSION_COOKIE_NAME)
    # A quoted cookie can spell a NUL, which no database would look for.
    return key if key and "\x00" not in key else None


def _hostname(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
