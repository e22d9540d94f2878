"""The form by which people choose what to be told of."""

from collections.abc import Mapping

from django import forms
from django.db.models import TextChoices
from django.forms import BoundField
from django.forms.widgets import RadioSelect
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from notifications import actions
from notifications.kinds import TEXT_CHARACTERS, Level, TargetLevel, known, validate_link
from notifications.models import Inbox, KindPreference, TargetPreference
from realtime.text import validate_line
from realtime.topics import registered

KIND = "kind "
TARGET = "target "


class Segmented(RadioSelect):
    """Radio buttons side by side that read as one control."""

    template_name = "notifications/widgets/segmented.html"


class PreferencesForm(forms.Form):
    """A choice for each kind of notification and for each target that the person follows."""

    def __init__(self, user: User, data: Mapping[str, str] | None = None) -> None:
        super().__init__(data)
        self.user = user
        of_kinds = dict(KindPreference.objects.filter(user=user).values_list("kind", "level"))
        for kind in known():
            level = of_kinds.get(kind.name, kind.default.value)
            self._add(f"{KIND}{kind.name}", str(kind.title), level, Level)
        of_targets = dict(TargetPreference.objects.filter(user=user).values_list("target", "level"))
        for topic in registered():
            for key, name in topic.names_for(user.pk).items():
                target = topic.group(key)
                level = of_targets.get(target, TargetLevel.MENTIONS.value)
                self._add(f"{TARGET}{target}", name, level, TargetLevel)
        inbox = Inbox.objects.filter(user=user).only("digest").first()
        self.fields["digest"] = forms.BooleanField(
            label=_("Email me about what I have not read for a day"),
            help_text=_("At most once a day, to your confirmed address."),
            initial=inbox is None or inbox.digest,
            required=False,
        )

    def kinds(self) -> list[BoundField]:
        return [self[name] for name in self.fields if name.startswith(KIND)]

    def targets(self) -> list[BoundField]:
        return [self[name] for name in self.fields if name.startswith(TARGET)]

    def save(self) -> None:
        """Write down what was chosen differently than before."""
        for name in self.changed_data:
            choice = self.cleaned_data[name]
            if name.startswith(KIND):
                actions.set_preference(self.user, name.removeprefix(KIND), choice)
            elif name.startswith(TARGET):
                actions.set_target_preference(self.user, name.removeprefix(TARGET), choice)
            else:
                actions.set_digest(self.user, choice)

    def _add(self, name: str, label: str, level: str, levels: type[TextChoices]) -> None:
        self.fields[name] = forms.ChoiceField(
            label=label, choices=levels.choices, initial=level, widget=Segmented
        )


class TargetForm(forms.Form):
    """The choice for one target, on its own page."""

    target = forms.CharField(widget=forms.HiddenInput)
    level = forms.ChoiceField(label=_("Notify me of"), choices=TargetLevel.choices)


class AnnouncementForm(forms.Form):
    """What to announce."""

    text = forms.CharField(
        label=_("Text"),
        max_length=TEXT_CHARACTERS,
        validators=[validate_line],
        widget=forms.TextInput(attrs={"size": 80}),
    )
    link = forms.CharField(
        label=_("Link"),
        max_length=500,
        required=False,
        validators=[validate_link],
        help_text=_("A page of this site, such as /people/, or an address with https://."),
        widget=forms.TextInput(attrs={"size": 80}),
    )
