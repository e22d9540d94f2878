"""The form by which people change their profile."""

from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import QueryDict

from accounts.colors import COLORS
from accounts.models import User, validate_free
from accounts.names import DISPLAY_NAME_LENGTH, tidy, validate_display_name
from realtime.budgets import HOUR, Budget

PROFILES = Budget("profiles", 20, HOUR, "You changed your profile many times in a short time.")


def free_name(typed: str, user: User | None = None) -> str:
    """The name that somebody has typed, tidied; empty for the username.

    Raises:
        ValidationError: it is too long, or another's.
    """
    name = tidy(typed)
    if len(name) > DISPLAY_NAME_LENGTH:  # composing some letters makes them longer
        raise ValidationError(f"A name has at most {DISPLAY_NAME_LENGTH} characters.")
    validate_free(name or (user.username if user else ""), user)
    return name


class Swatches(forms.RadioSelect):
    template_name = "accounts/widgets/swatches.html"


class ProfileForm(forms.Form):
    """Not a ModelForm, which would set refused values on the user that the page shows."""

    display_name = forms.CharField(
        label="Name",
        help_text="What others see. Leave it empty to go by your username.",
        max_length=DISPLAY_NAME_LENGTH,
        required=False,
        validators=[validate_display_name],
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    color = forms.ChoiceField(label="Colour", choices=COLORS, widget=Swatches)

    def __init__(self, user: User, answers: QueryDict | None = None) -> None:
        super().__init__(answers, initial={"display_name": user.display_name, "color": user.color})
        self._user = user

    def clean_display_name(self) -> str:
        return free_name(self.cleaned_data["display_name"], self._user)

    def save(self) -> None:
        """Write the answers down.

        Raises:
            Refusal: `rate_limited`.
        """
        with transaction.atomic():
            PROFILES.spend(self._user)
            self._user.display_name = self.cleaned_data["display_name"]
            self._user.color = self.cleaned_data["color"]
            self._user.save(update_fields=["display_name", "color"])
