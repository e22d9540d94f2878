"""Who opens a socket: the session of a browser on this origin, or the bearer of a ticket."""

from http.cookies import CookieError, SimpleCookie
from importlib import import_module
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.http.request import validate_host
from django.utils.crypto import constant_time_compare

from realtime.protocol import PROTOCOL, TICKET_PREFIX, CloseCode, Closing
from realtime.tickets import redeem

Scope = dict[str, Any]  # Any: an ASGI scope


class SignIn(NamedTuple):
    """Someone signed in, and the session that they are signed in by."""

    user: AbstractBaseUser
    session_key: str


def check_protocol(scope: Scope) -> None:
    """Raises: Closing: the client does not offer the protocol that is spoken here (4409)."""
    if PROTOCOL not in scope["subprotocols"]:
        raise Closing(CloseCode.VERSION, f"Offer the subprotocol {PROTOCOL}.")


def sign_in(scope: Scope) -> SignIn:
    """The person who opens the socket. Reads the database and writes nothing but a used ticket.

    Raises:
        Closing: a foreign origin or none (4403); nobody, or no longer, signed in (4401).
    """
    for offered in scope["subprotocols"]:
        if offered.startswith(TICKET_PREFIX):
            session_key = redeem(offered.removeprefix(TICKET_PREFIX))
            break
    else:
        headers = dict(scope["headers"])
        check_origin(scope, headers)
        session_key = _session_cookie(headers)
    user = session_user(session_key) if session_key else None
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
    hostname = urlsplit(f"//{host}").hostname or ""
    allowed = settings.ALLOWED_HOSTS or ["localhost", "127.0.0.1", "[::1]"]
    if origin != f"{_scheme(scope, headers)}://{host}" or not validate_host(
        f"[{hostname}]" if ":" in hostname else hostname, allowed
    ):
        raise Closing(CloseCode.FORBIDDEN, "This origin may not open sockets here.")


def session_user(session_key: str) -> AbstractBaseUser | None:
    """The active user of a session, or None; unlike Django's own check this never writes.

    A session signed with one of SECRET_KEY_FALLBACKS is good: its browser gets a new one with its
    next page.
    """
    store = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    session = store.load()
    if session.get(BACKEND_SESSION_KEY) not in settings.AUTHENTICATION_BACKENDS:
        return None
    users = get_user_model()._default_manager
    user = users.filter(pk=session.get(SESSION_KEY), is_active=True).first()
    if user is None:
        return None
    claimed = session.get(HASH_SESSION_KEY, "")
    hashes = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    return user if any(constant_time_compare(claimed, each) for each in hashes) else None


def _scheme(scope: Scope, headers: dict[bytes, bytes]) -> str:
    if settings.SECURE_PROXY_SSL_HEADER:
        name, secure = settings.SECURE_PROXY_SSL_HEADER
        header = name.removeprefix("HTTP_").replace("_", "-").lower().encode()
        return "https" if headers.get(header, b"").decode("latin-1") == secure else "http"
    return "https" if scope.get("scheme") in ("wss", "https") else "http"


def _session_cookie(headers: dict[bytes, bytes]) -> str | None:
    try:
        cookies = SimpleCookie(headers.get(b"cookie", b"").decode("latin-1"))
    except CookieError:
        return None
    morsel = cookies.get(settings.SESSION_COOKIE_NAME)
    return morsel.value if morsel else None
