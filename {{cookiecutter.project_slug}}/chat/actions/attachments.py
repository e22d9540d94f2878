"""Attachments: uploading files, their thumbnails, and dropping what nobody needs any more.

A file is stored before it is sent. Its row is written before the file and deleted after it, so
whatever is killed in between leaves a row by which `prune_attachments` finds the file.
"""

import logging
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import PurePath
from uuid import UUID

from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Q
from django.dispatch import receiver
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import pictures
from accounts.models import User
from accounts.pictures import NotAPicture, Picture
from chat.budgets import UPLOAD_COST_BYTES, UPLOADS
from chat.frames import AttachmentData
from chat.models import FILE, FILE_NAME_CHARACTERS, Attachment, Message, Room
from chat.queries import check_open, membership_of
from realtime.delivery.publishing import publish
from realtime.protocol import ErrorCode, Refusal
from realtime.tasks import task
from realtime.tasks.worker import tidying
from realtime.text import plain

logger = logging.getLogger(__name__)

UNSENT_KEPT = timedelta(days=1)
PRUNED_AT_ONCE = 1_000


def upload(room: Room, user: User, file: "File[bytes]") -> AttachmentData:
    """Store a file that the user may then attach to one message in the room.

    Raises:
        Refusal: `forbidden` (not a member), `invalid` (the file is empty), `conflict` (the
            room is archived), `rate_limited`, `unavailable` (the store is away or full; nothing is
            left of the file).
    """
    size = file.size or 0
    if not size:
        raise Refusal(ErrorCode.INVALID, _("This file is empty. Choose another."))
    kind, width, height = _examined(file)
    with transaction.atomic():
        check_open(membership_of(user, room).room)
        UPLOADS.spend(user, -(-size // UPLOAD_COST_BYTES))
        attachment = Attachment.objects.create(
            room=room,
            uploader=user,
            name=_clean_name(file.name or ""),
            content_type=kind,
            size=size,
            width=width,
            height=height,
        )
    try:
        default_storage.save(attachment.file_name, file)
    except Exception as error:  # whatever the library of a store raises
        with suppress(Exception):  # or it is pruned
            _drop([attachment])
        raise storage_failed(error) from None
    if attachment.is_picture:
        generate_thumbnail.enqueue(str(attachment.pk))
    return attachment.as_data()


def storage_failed(error: Exception) -> Refusal:
    """The refusal of who wants a file when the store fails, which is logged here."""
    why = (str(error) or type(error).__name__).splitlines()[0]
    logger.error("The store of files does not do its work: %s", why)
    detail = _("Files cannot be stored or read just now. Please try again later.")
    return Refusal(ErrorCode.UNAVAILABLE, detail)


def unsent(ids: Collection[UUID]) -> dict[UUID, Attachment]:
    """Those of these that were not sent, locked until the commit."""
    if not ids:
        return {}
    rows = Attachment.objects.filter(pk__in=ids, message=None).order_by("pk")
    return {each.pk: each for each in rows.select_for_update(no_key=True)}


def attach(sent: Iterable[tuple[Message, Sequence[Attachment]]]) -> None:
    """Give new messages their attachments, in this order."""
    attached: list[Attachment] = []
    for message, attachments in sent:
        for place, attachment in enumerate(attachments):
            attachment.message, attachment.place = message, place
            attached.append(attachment)
    if attached:
        Attachment.objects.bulk_update(attached, ["message", "place"])


def detach(message: Message) -> None:
    """Delete what is attached to a message."""
    if message.attachments.update(room=None, message=None):
        prune_attachments.enqueue()


@task(queue_name="thumbnail.generate")
def generate_thumbnail(attachment_id: str) -> None:
    """Make a picture's thumbnail, and give its message the next revision.

    What turns out to be no picture is a plain file from then on. Doing this twice is harmless.
    """
    attachment = Attachment(pk=UUID(attachment_id))
    row = Attachment.objects.exclude(room=None).filter(pk=attachment.pk).first()
    if row is not None and row.room and row.is_picture and not row.has_thumbnail:
        made = _make_thumbnail(row)
        try:
            _show_thumbnail(row.room, row, made)
        except (Refusal, Attachment.DoesNotExist):  # deleted meanwhile
            row = None
    if row is None:
        default_storage.delete(attachment.thumbnail_name)


@task
def prune_attachments() -> None:
    """Drop what was deleted, and what was uploaded more than a day ago and never sent."""
    old = Q(message=None, created_at__lt=timezone.now() - UNSENT_KEPT)
    Attachment.objects.filter(old).update(room=None)  # from here on it cannot be sent
    _drop(Attachment.objects.filter(room=None)[:PRUNED_AT_ONCE])
    enqueue_pruning()


@receiver(tidying)
def enqueue_pruning(**kwargs: object) -> None:  # a signal's arguments
    """Prune, if there is something to be pruned."""
    old = Q(room=None) | Q(message=None, created_at__lt=timezone.now() - UNSENT_KEPT)
    if Attachment.objects.filter(old).exists():
        prune_attachments.enqueue()


def _examined(file: "File[bytes]") -> Picture | tuple[str, None, None]:
    try:
        return pictures.examine(file)
    except NotAPicture:
        return FILE, None, None


def _clean_name(name: str) -> str:
    """The name of a file as it is shown and downloaded: one line, with its extension."""
    name = " ".join(plain(name).split()) or _("file")
    extension = PurePath(name).suffix[:FILE_NAME_CHARACTERS]
    if len(name) <= FILE_NAME_CHARACTERS:
        return name
    return name[: FILE_NAME_CHARACTERS - len(extension)] + extension


def _make_thumbnail(attachment: Attachment) -> bool:
    """Store the thumbnail; False if there is none of this file."""
    try:
        with default_storage.open(attachment.file_name) as file:
            small = pictures.thumbnail(file)
    except (NotAPicture, FileNotFoundError) as error:
        logger.warning("No thumbnail of attachment %s: %s", attachment.pk, error)
        return False
    default_storage.save(attachment.thumbnail_name, ContentFile(small))
    return True


def _show_thumbnail(room: Room, attachment: Attachment, made: bool) -> None:
    """Say in the row whether there is a thumbnail, and tell of it if the picture was sent.

    Raises:
        Refusal: `not_found`, the room is gone.
        Attachment.DoesNotExist: so is the attachment.
    """
    with room.changing() as changes:  # so it is sent either before or after this
        attachment = Attachment.objects.get(pk=attachment.pk, room=room)
        attachment.has_thumbnail = made
        if not made:
            attachment.content_type, attachment.width, attachment.height = FILE, None, None
        attachment.save(update_fields=["has_thumbnail", "content_type", "width", "height"])
        if attachment.message_id:
            message = changes.get(Message, pk=attachment.message_id)
            changes.save(message, fields=[])
            publish(room.topic, "message.updated", message.as_data(), rev=message.rev)


def _drop(attachments: Iterable[Attachment]) -> None:
    """Delete files, and then their rows."""
    for attachment in attachments:
        default_storage.delete(attachment.file_name)
        default_storage.delete(attachment.thumbnail_name)
        attachment.delete()
