"""The verbs: only these write rows."""

from django.db import transaction

from realtime.delivery.publishing import publish
from realtime.protocol import ErrorCode, Refusal
from realtime.starting.notices.models import Notice


@transaction.atomic
def write(slug: str, text: str) -> dict[str, str]:
    """Change the text for everybody who is there.

    Raises:
        Refusal: `not_found`.
    """
    rows = Notice.objects.select_for_update()
    row = rows.filter(slug=slug).first()
    if row is None:
        raise Refusal(ErrorCode.NOT_FOUND, "It is gone.")
    row.text = text
    row.rev += 1
    row.save()
    data = {"text": text}
    publish(f"notice:{slug}", "written", data, rev=row.rev)
    return data
