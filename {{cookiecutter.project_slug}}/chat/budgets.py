"""Chat's budgets, see `realtime.budgets`; docs/limits.md says why each is as large as it is."""

from django.utils.translation import gettext_lazy as _

from realtime.budgets import DAY, HOUR, MINUTE, Budget

ROOMS = Budget("rooms", 30, HOUR, _("You made many rooms in a short time."))
CONVERSATIONS = Budget(
    "conversations", 30, HOUR, _("You began to talk to many people in a short time.")
)
JOINS = Budget("joins", 200, HOUR, _("You joined rooms many times in a short time."))
INVITATIONS = Budget("invitations", 50, HOUR, _("You invited many people in a short time."))
INVITATIONS_OF_ONE = Budget("invitations_of_one", 10, DAY, _("You invited this person many times."))
MODERATION = Budget(
    "moderation", 300, HOUR, _("You changed rooms and the places of their people many times.")
)
MESSAGES = Budget(
    "messages",
    6_000,
    HOUR,
    _("You wrote very much, or mentioned many people, in a short time."),
    frequent=True,
)
REACTIONS = Budget(
    "reactions", 300, 10 * MINUTE, _("You gave many reactions in a short time."), frequent=True
)
UPLOADS = Budget("uploads", 1_000, DAY, _("You sent very many files in a short time."))
PREVIEWS = Budget("previews", 200, HOUR, _("You linked to many pages in a short time."))
SEARCHES = Budget(
    "searches", 600, HOUR, _("You searched very often in a short time."), frequent=True
)

MENTION_COST = 20
"""A mention costs as much as so many messages: it calls somebody."""
UPLOAD_COST_BYTES = 1_048_576
"""A file costs one for each so many bytes that it begins."""
