"""The forms by which people change their accounts."""

from django import forms
from django.http import QueryDict

from accounts.colors import COLORS
from accounts.models import User
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

    def __init__(self, user: User, answers: QueryDict | None = None) -> None:
        super().__init__(answers, initial={"display_name": user.display_name, "color": user.color})
        if user.color not in dict(COLORS):  # given by the admin, or on offer at another time
            self.fields["color"] = forms.ChoiceField(
                label="Colour", choices=[(user.color, "As it is"), *COLORS], widget=Swatches
            )
