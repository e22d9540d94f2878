"""What people do to their accounts: beside django-allauth, the only code that writes them."""

from django.core.exceptions import ValidationError

from accounts.colors import validate_color
from accounts.models import User
from accounts.names import DISPLAY_NAME_LENGTH, tidy, validate_display_name
from realtime.protocol import ErrorCode, Refusal


def change_profile(user: User, *, display_name: str, color: str) -> User:
    """Give the user another name, blank for the username, and another colour, `#rrggbb`.

    Raises:
        Refusal: `invalid`, when the name or the colour is not one that people may have.
    """
    try:
        validate_display_name(display_name)
        validate_color(color)
    except ValidationError as error:
        raise Refusal(ErrorCode.INVALID, " ".join(error.messages)) from None
    name = tidy(display_name)
    if len(name) > DISPLAY_NAME_LENGTH:
        raise Refusal(ErrorCode.INVALID, f"A name has at most {DISPLAY_NAME_LENGTH} characters.")
    user.display_name, user.color = name, color
    user.save(update_fields=["display_name", "color"])
    return user
