"""Chat's budgets, see `realtime.budgets`; docs/limits.md says why each is as large as it is."""

from realtime.budgets import DAY, HOUR, MINUTE, Budget

ROOMS = Budget("rooms", 30, HOUR, "You made many rooms in a short time.")
CONVERSATIONS = Budget(
    "conversations", 30, HOUR, "You began to talk to many people in a short time."
)
JOINS = Budget("joins", 200, HOUR, "You joined rooms many times in a short time.")
INVITATIONS = Budget("invitations", 50, HOUR, "You invited many people in a short time.")
INVITATIONS_OF_ONE = Budget("invitations_of_one", 10, DAY, "You invited this person many times.")
MODERATION = Budget(
    "moderation", 300, HOUR, "You changed rooms and the places of their people many times."
)
MESSAGES = Budget(
    "messages",
    6_000,
    HOUR,
    "You wrote very much, or mentioned many people, in a short time.",
    frequent=True,
)
REACTIONS = Budget(
    "reactions", 300, 10 * MINUTE, "You gave many reactions in a short time.", frequent=True
)
UPLOADS = Budget("uploads", 1_000, DAY, "You sent very many files in a short time.")
PREVIEWS = Budget("previews", 200, HOUR, "You linked to many pages in a short time.")
SEARCHES = Budget("searches", 600, HOUR, "You searched very often in a short time.", frequent=True)

MENTION_COST = 20
"""A mention costs as much as so many messages: it calls somebody."""
UPLOAD_COST_BYTES = 1_048_576
"""A file costs one for each so many bytes that it begins."""
