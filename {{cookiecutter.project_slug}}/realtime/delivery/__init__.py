"""Delivery: events to sockets, and what a process keeps for all of its sockets."""
