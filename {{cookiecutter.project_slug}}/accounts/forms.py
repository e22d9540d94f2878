"""The forms by which people change their profile."""

import secrets

from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from accounts import pictures
from accounts.models import COLORS, Portrait, User, validate_free
from accounts.names import DISPLAY_NAME_LENGTH, tidy, validate_display_name
from realtime.budgets import HOUR, Budget

PROFILES = Budget("profiles", 20, HOUR, _("You changed your profile many times in a short time."))


def free_name(typed: str, user: User | None = None) -> str:
    """The name that somebody has typed, tidied; empty for the username.

    Raises:
        ValidationError: it is too long, or another's.
    """
    name = tidy(typed)
    if len(name) > DISPLAY_NAME_LENGTH:  # composing some letters makes them longer
        detail = _("A name has at most %(count)s characters.") % {"count": DISPLAY_NAME_LENGTH}
        raise ValidationError(detail)
    validate_free(name or (user.username if user else ""), user)
    return name


class Swatches(forms.RadioSelect):
    template_name = "accounts/widgets/swatches.html"


class ProfileForm(forms.Form):
    """Not a ModelForm, which would set refused values on the user that the page shows."""

    display_name = forms.CharField(
        label=_("Name"),
        help_text=_("What others see. Leave it empty to go by your username."),
        max_length=DISPLAY_NAME_LENGTH,
        required=False,
        validators=[validate_display_name],
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    color = forms.ChoiceField(label=_("Colour"), choices=COLORS, widget=Swatches)

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


class PortraitForm(forms.Form):
    picture = forms.FileField(
        label=_("Picture"),
        help_text=_("A GIF, JPEG, PNG or WebP. A square from its middle is shown."),
        widget=forms.FileInput(attrs={"accept": "image/gif,image/jpeg,image/png,image/webp"}),
    )

    def clean_picture(self) -> bytes:
        """A square of the picture, small and in WebP."""
        try:
            return pictures.portrait(self.cleaned_data["picture"])
        except pictures.NotAPicture:
            raise ValidationError(
                _(
                    "This file is not a picture that can be shown here. Choose a GIF, JPEG, PNG or "
                    "WebP of at most 20 million pixels."
                )
            ) from None


@transaction.atomic
def set_portrait(user: User, content: bytes | None) -> None:
    """Show a person by this picture from now on; by initials where it is None."""
    user.portrait = secrets.token_hex(16) if content else ""
    user.save(update_fields=["portrait"])  # first: it locks what is locked before people
    Portrait.objects.filter(user=user).delete()
    if content:
        Portrait.objects.create(user=user, code=user.portrait, content=content)
