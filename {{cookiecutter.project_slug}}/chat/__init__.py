"""Rooms, their people and what they say to each other."""
