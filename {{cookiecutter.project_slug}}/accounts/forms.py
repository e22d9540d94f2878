"""The forms by which people change their accounts."""

from django import forms

from accounts.colors import COLORS
from accounts.names import DISPLAY_NAME_LENGTH, validate_display_name


class Swatches(forms.RadioSelect):
    template_name = "accounts/widgets/swatches.html"


class ProfileForm(forms.Form):
    display_name = forms.CharField(
        label="Name",
        help_text="What others see. Leave it empty to go by your username.",
        max_length=DISPLAY_NAME_LENGTH,
        required=False,
        validators=[validate_display_name],
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    color = forms.ChoiceField(label="Colour", choices=COLORS, widget=Swatches)
