"""The chat consumer of the Channels tutorial (part 3), and one that keeps its messages."""

import json
from typing import Any  # a decoded frame is a dictionary of anything

from channels.generic.websocket import AsyncWebsocketConsumer

from chat.models import Message


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
