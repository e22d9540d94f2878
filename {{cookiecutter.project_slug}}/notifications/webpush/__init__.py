"""Web push: notifications for browsers that are closed (RFC 8030, 8188, 8291 and 8292)."""
