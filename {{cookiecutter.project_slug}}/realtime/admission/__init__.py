"""Admission: who may open a WebSocket, and until when."""
