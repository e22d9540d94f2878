"""Who opens a socket: the session of a browser on this origin, or the bearer of a ticket."""

from io import BytesIO

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse
from django.middleware.csrf import CsrfViewMiddleware

from realtime.admission.clients import session_of
from realtime.admission.tickets import redeem
from realtime.asgi import Scope
from realtime.batching import Batcher
from realtime.database import in_database
from realtime.protocol import TICKET_PREFIX, CloseCode, Closing
from realtime.sessions import VerifiedSession, verified_sessions

TOKEN_HEADER = b"x-session-token"  # which no page of another site can send
MOST_SHOWN = 200  # characters of what a stranger sent, in the log

_verified_sessions: Batcher[str, VerifiedSession | None] = Batcher(verified_sessions, linger=True)


async def sign_in(scope: Scope) -> VerifiedSession:
    """The session of the person who opens the socket.

    Reads the database; the only write is the deletion of a used ticket.

    Raises:
        Closing: a foreign origin or none (4403); not, or no longer, signed in (4401).
    """
    key = await _claimed_session(scope)
    found = await _verified_sessions.submit(key) if key else None
    if found is None:
        raise Closing(CloseCode.UNAUTHENTICATED, "You are not signed in.")
    return found


def cookies_of(scope: Scope) -> dict[str, str]:
    """The cookies that came with the handshake, by name."""
    return _as_request(scope).COOKIES


def check_origin(scope: Scope) -> None:
    """Refuse a page of another site: its browser would send the session's cookie along.

    The origin must be one from which Django lets a form be sent: the one that the request comes
    to, which has a host of ALLOWED_HOSTS, or one of CSRF_TRUSTED_ORIGINS.

    Raises:
        Closing: it is not, or there is none (4403).
    """
    request = _as_request(scope)
    origin = request.META.setdefault("HTTP_ORIGIN", "")
    try:
        own = f"{request.scheme}://{request.get_host()}"
        if origin == own or _csrf()._origin_verified(request):  # type: ignore[attr-defined]
            return
        found = (
            f"it was opened by a page of {_shown(origin)}, and this site is {_shown(own)}. "
            "If that page is yours, see"
        )
    except DisallowedHost as error:
        found = f"{str(error)[:MOST_SHOWN]} See"
    raise Closing(
        CloseCode.FORBIDDEN,
        "This origin may not open sockets here.",
        f"{found} Behind a proxy in docs/operations.md.",
    )


def _as_request(scope: Scope) -> ASGIRequest:
    """The handshake as a request for a page, which Django reads in the same way."""
    scheme = "https" if scope.get("scheme") in ("wss", "https") else "http"
    as_http = {**scope, "method": "GET", "scheme": scheme, "query_string": b""}
    return ASGIRequest(as_http, BytesIO())


def _csrf() -> CsrfViewMiddleware:
    return CsrfViewMiddleware(lambda request: HttpResponse())


def _shown(text: str) -> str:
    return repr(text)[:MOST_SHOWN]


async def _claimed_session(scope: Scope) -> str | None:
    for offered in scope.get("subprotocols", ()):
        if offered.startswith(TICKET_PREFIX):
            return await in_database(redeem, offered.removeprefix(TICKET_PREFIX))
    if token := dict(scope.get("headers", ())).get(TOKEN_HEADER):
        return await in_database(session_of, token.decode("latin-1"))
    check_origin(scope)
    key = cookies_of(scope).get(settings.SESSION_COOKIE_NAME)
    # A quoted cookie can spell a NUL, which PostgreSQL refuses in a parameter.
    return key if key and "\x00" not in key else None
