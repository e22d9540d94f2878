"""The row that a chat message becomes when the tutorial's chat is made to keep them."""

from django.db import models


class Message(models.Model):
    room = models.CharField(max_length=100, db_index=True)
    body = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)
