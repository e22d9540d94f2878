"""The chat consumer of the Channels tutorial (part 3), and others that keep or read something."""

import json
from typing import Any  # a decoded frame is a dictionary of anything

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer

from chat.models import Message
from chat.pages import read_page


class ChatConsumer(AsyncWebsocketConsumer):
    async def connect(self) -> None:
        self.room_name = self.scope["url_route"]["kwargs"]["room_name"]
        self.room_group_name = f"chat_{self.room_name}"
        await self.channel_layer.group_add(self.room_group_name, self.channel_name)
        await self.accept()

    async def disconnect(self, code: int) -> None:
        await self.channel_layer.group_discard(self.room_group_name, self.channel_name)

    async def receive(self, text_data: str) -> None:
        message = json.loads(text_data)["message"]
        event = {"type": "chat.message", "message": message}
        await self.channel_layer.group_send(self.room_group_name, event)

    async def chat_message(self, event: dict[str, Any]) -> None:
        await self.send(text_data=json.dumps({"message": event["message"]}))


class KeepingChatConsumer(ChatConsumer):
    async def receive(self, text_data: str) -> None:
        message = json.loads(text_data)["message"]
        await Message.objects.acreate(room=self.room_name, body=message)
        await super().receive(text_data)


class PageConsumer(ChatConsumer):
    """Hears all rooms of a person and what is for them alone, and reads what their page shows."""

    async def connect(self) -> None:
        user, room = self.scope["user"], self.scope["url_route"]["kwargs"]["room_name"]
        page = await database_sync_to_async(read_page)(user, room)
        self.groups = [f"user_{user.pk}", *(f"chat_{mine['room']}" for mine in page["rooms"])]
        for group in self.groups:
            await self.channel_layer.group_add(group, self.channel_name)
        await self.accept()
        await self.send(text_data=json.dumps({"page": page}))

    async def disconnect(self, code: int) -> None:
        """Channels itself leaves `groups`."""
