"""The form by which people choose what to be told of."""

from collections.abc import Callable, Iterable, Mapping

from django import forms
from django.forms import BoundField
from django.forms.widgets import RadioSelect

from accounts.models import User
from notifications import actions
from notifications.kinds import TEXT_CHARACTERS, Level, TargetLevel, validate_link
from notifications.queries import preferences_of

KIND = "kind "
TARGET = "target "
DIGEST = "digest"


class Segmented(RadioSelect):
    """Radio buttons side by side that read as one control."""

    template_name = "notifications/widgets/segmented.html"


class PreferencesForm(forms.Form):
    """A choice for each kind of notification and for each target that the person follows."""

    def __init__(self, user: User, data: Mapping[str, str] | None = None) -> None:
        super().__init__(data)
        self.user = user
        chosen = preferences_of(user)
        for kind in chosen.kinds:
            self._add(f"{KIND}{kind.key}", kind.title, kind.level, Level.choices)
        for target in chosen.targets:
            self._add(f"{TARGET}{target.key}", target.title, target.level, TargetLevel.choices)
        self.fields[DIGEST] = forms.BooleanField(
            label="Email me about what I have not read for a day",
            help_text="At most once a day, to your confirmed address.",
            initial=chosen.digest,
            required=False,
        )

    def kinds(self) -> list[BoundField]:
        return self._beginning(KIND)

    def targets(self) -> list[BoundField]:
        return self._beginning(TARGET)

    def save(self) -> None:
        """Write down what was chosen differently than before."""
        for name in self.changed_data:
            self._choice(name)(self.cleaned_data[name])

    def _add(self, name: str, label: str, level: str, choices: Iterable[tuple[str, str]]) -> None:
        self.fields[name] = forms.ChoiceField(
            label=label, choices=choices, initial=level, widget=Segmented
        )

    def _beginning(self, prefix: str) -> list[BoundField]:
        return [self[name] for name in self.fields if name.startswith(prefix)]

    def _choice(self, name: str) -> Callable[[str], None]:
        if name.startswith(KIND):
            kind = name.removeprefix(KIND)
            return lambda level: actions.set_preference(self.user, kind, level)
        if name.startswith(TARGET):
            target = name.removeprefix(TARGET)
            return lambda level: actions.set_target_preference(self.user, target, level)
        return lambda wanted: actions.set_digest(self.user, bool(wanted))


class AnnouncementForm(forms.Form):
    """What to announce."""

    text = forms.CharField(max_length=TEXT_CHARACTERS, widget=forms.TextInput(attrs={"size": 80}))
    link = forms.CharField(
        max_length=500,
        required=False,
        validators=[validate_link],
        help_text="A page of this site, such as /people/, or an address with https://.",
        widget=forms.TextInput(attrs={"size": 80}),
    )
