"""What there is to tell."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from accounts.models import User
from notifications.actions.recipients import Recipients


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to tell.

    Args:
        recipients: users or their ids, or a queryset of users. Those who do not exist, are
            deactivated, prefer not to hear of it, view the target or are the actor are
            left out.
        kind: registered with `notifications.kinds`.
        actor: who did it.
        target: where it happened, such as `chat:general`.
        data: what the kind's text and link are made of; JSON, dates and UUIDs.
    """

    recipients: Recipients
    kind: str
    actor: User | None = None
    target: str = ""
    data: Mapping[str, object] = field(default_factory=dict)
