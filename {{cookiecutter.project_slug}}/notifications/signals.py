"""What other apps can hear of notifications."""

from django.dispatch import Signal

notified = Signal()
"""Sent with `notifications`, rows that their people want brought to them, in the transaction that
writes these rows and while it locks their people: enqueue a task."""
