from typing import Annotated

from msgspec import Meta, Struct

from realtime.consumers import Consumer, command
from realtime.database import in_database
from realtime.protocol import CloseCode, Closing
from realtime.starting.notices import actions
from realtime.starting.notices.models import Notice


class Write(Struct, forbid_unknown_fields=True):
    text: Annotated[str, Meta(max_length=64, pattern=r"\A[^\x00]*\Z")]


class NoticeData(Struct):
    text: str


class NoticeConsumer(Consumer):
    events = {"welcome": NoticeData, "written": NoticeData}

    async def join(self) -> None:
        slug = self.kwargs["slug"]
        self.topic = f"notice:{slug}"
        await self.subscribe(self.topic)  # first: what changes from here on is heard
        rows = Notice.objects.filter(slug=slug)
        row = await in_database(rows.first)
        if row is None:
            raise Closing(CloseCode.NOT_FOUND, "It is gone.")
        self.welcome({"text": row.text}, rev=row.rev)

    @command("write")
    def write(self, data: Write) -> dict[str, str]:
        return actions.write(self.kwargs["slug"], data.text)
