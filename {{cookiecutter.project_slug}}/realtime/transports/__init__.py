"""Transports: how a client's frames reach its consumers."""
