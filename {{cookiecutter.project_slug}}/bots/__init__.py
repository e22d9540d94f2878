"""Bots: programs that write in rooms, hear what is said there, and answer."""
