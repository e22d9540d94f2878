"""The forms by which rooms are made and changed."""

from django import forms

from chat.models import Room
from chat.text import ABOUT_CHARACTERS, NAME_CHARACTERS


class RoomForm(forms.Form):
    name = forms.CharField(label="Name", max_length=NAME_CHARACTERS)
    about = forms.CharField(
        label="About",
        help_text="What people talk about here.",
        max_length=ABOUT_CHARACTERS,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class NewRoomForm(RoomForm):
    kind = forms.ChoiceField(
        label="Who may come in",
        choices=[
            (Room.Kind.PUBLIC, "Everyone"),
            (Room.Kind.PRIVATE, "Only people who are invited"),
        ],
        initial=Room.Kind.PUBLIC,
        widget=forms.RadioSelect,
    )
