"""The views that take files from members of a room, and give them out to its members."""

import asyncio
from collections.abc import AsyncIterator
from typing import IO, cast
from uuid import UUID

from django.core.files.storage import default_storage
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe
from msgspec import json

from accounts.models import User
from chat import actions, queries
from chat.models import THUMBNAIL
from realtime.admission.clients import signed_in
from realtime.protocol import ErrorCode, Refusal
from realtime.sessions import VerifiedSession

CHUNK_BYTES = 262_144
KEPT_SECONDS = 86_400
"""How long a browser may show a file again without asking; a file never changes."""


@require_POST
@signed_in
def upload(request: HttpRequest, session: VerifiedSession, slug: str) -> HttpResponse:
    """Take the file in the form's field `file`; the answer is its `AttachmentData`."""
    file = request.FILES.get("file")
    if file is None:
        raise Refusal(ErrorCode.INVALID, _("Send a form with one file in the field `file`."))
    data = actions.upload(queries.room_by_slug(slug), _user(session), file)
    return HttpResponse(json.encode(data), "application/json", 201)


@require_safe
@signed_in
def attachment(request: HttpRequest, session: VerifiedSession, pk: UUID) -> StreamingHttpResponse:
    """The file: a picture to look at, anything else to be saved."""
    found = queries.attachment_for(_user(session), pk)
    response = _stream(found.file_name, found.content_type)
    response["Content-Length"] = str(found.size)
    disposition = content_disposition_header(not found.is_picture, found.name)
    response["Content-Disposition"] = disposition or "inline"
    if found.is_picture:  # browsers style the page in which they show one by itself
        response["Content-Security-Policy"] += "; style-src 'unsafe-inline'"
    return response


@require_safe
@signed_in
def thumbnail(request: HttpRequest, session: VerifiedSession, pk: UUID) -> StreamingHttpResponse:
    """The small copy of a picture."""
    found = queries.attachment_for(_user(session), pk)
    return _stream(found.thumbnail_name, THUMBNAIL)


def _user(session: VerifiedSession) -> User:
    return cast(User, session.user)


def _stream(name: str, content_type: str) -> StreamingHttpResponse:
    """A file out of the store. Nothing in it is ever run, whatever it holds.

    Raises:
        Refusal: `not_found`, `unavailable`.
    """
    try:
        file = default_storage.open(name)
    except FileNotFoundError:
        raise queries.no_such_file() from None
    except Exception as error:  # whatever the library of a store raises
        raise actions.storage_failed(error) from None
    return StreamingHttpResponse(
        _chunks(file),
        content_type=content_type,
        headers={
            "Cache-Control": f"private, max-age={KEPT_SECONDS}, immutable",
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "Cross-Origin-Resource-Policy": "same-origin",
        },
    )


async def _chunks(file: IO[bytes]) -> AsyncIterator[bytes]:
    """What a file holds, read in a thread only as fast as the client takes it."""
    try:
        while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
            yield chunk
    finally:
        file.close()
