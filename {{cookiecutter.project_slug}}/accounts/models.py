"""The people of the site."""

from collections.abc import Collection
from contextlib import AbstractContextManager, nullcontext
from hashlib import sha256
from typing import Any, ClassVar, NotRequired, TypedDict

from django.contrib.auth.models import AbstractUser, UserManager
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models.functions import Lower
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts import signals
from accounts.names import (
    DELETED_NAME,
    DISPLAY_NAME_LENGTH,
    LOOK_CHARACTERS,
    USERNAME_LENGTH,
    initials,
    look,
    reserved_looks,
    username_pattern,
    validate_display_name,
    validate_username,
)
from realtime.delivery.publishing import recheck

COLORS = [
    ("#c92a2a", _("Red")),
    ("#bf4310", _("Orange")),
    ("#8f5f00", _("Amber")),
    ("#55730b", _("Olive")),
    ("#2b7a35", _("Green")),
    ("#087f5b", _("Teal")),
    ("#0b7285", _("Cyan")),
    ("#1c6cb5", _("Blue")),
    ("#3b5bdb", _("Indigo")),
    ("#6741d9", _("Violet")),
    ("#9c36b5", _("Purple")),
    ("#c2255c", _("Pink")),
]
"""The colours of people, on each of which white initials can be read."""


class Person(TypedDict):
    """A user as every frame and every page shows them."""

    id: int
    username: str
    name: str
    color: str
    initials: str
    bot: NotRequired[bool]
    """True of the account of a program; missing otherwise."""
    picture: NotRequired[str]
    """The address of their picture, which others see over the initials; missing without one."""


def as_person(
    id: int,
    username: str,
    display_name: str,
    color: str,
    is_bot: bool = False,
    portrait: str = "",
) -> Person:
    """The person of a row of `values_list`, which is cheaper than a `User` in long lists."""
    name = display_name or username
    person = Person(id=id, username=username, name=name, color=color, initials=initials(name))
    if is_bot:
        person["bot"] = True
    if portrait:
        person["picture"] = reverse("accounts:portrait", args=[portrait])
    return person


def deleted_person() -> Person:
    """Stands for the author of messages whose account was deleted."""
    name = str(DELETED_NAME)
    return Person(id=0, username="", name=name, color="#71717a", initials=initials(name))


def color_for(username: str) -> str:
    """The default colour of a username, always the same one."""
    digest = sha256(username.encode()).digest()
    return COLORS[digest[0] % len(COLORS)][0]


class PeopleQuerySet(models.QuerySet["User"]):
    """Tells of what becomes of people; see `accounts.signals`."""

    def update(self, **values: Any) -> int:  # Any: of each field's type
        if {"is_active", "password"} & set(values):
            for pk in self.values_list("pk", flat=True):
                recheck(pk)
        if not set(signals.SHOWN_FIELDS) & set(values):
            return super().update(**values)
        with signals.changing(self):
            return super().update(**values)

    def delete(self) -> tuple[int, dict[str, int]]:
        with transaction.atomic():
            users = list(self.order_by("pk"))
            signals.people_leaving.send(User, users=users)
            return super().delete()

    update.alters_data = True  # type: ignore[attr-defined]  # for templates
    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]


class People(UserManager["User"]):
    use_in_migrations = False

    def get_queryset(self) -> PeopleQuerySet:
        return PeopleQuerySet(self.model, using=self._db)

    def get_by_natural_key(self, username: str | None) -> "User":
        return super().get_by_natural_key(username and User.normalize_username(username))


class User(AbstractUser):
    """Someone with an account. Usernames are stored in lower case, so that Ada is ada."""

    username = models.CharField(
        _("username"),
        max_length=USERNAME_LENGTH,
        unique=True,
        validators=[validate_username],
        error_messages={"unique": _("Somebody has this username already.")},
    )
    display_name = models.CharField(
        _("display name"),
        max_length=DISPLAY_NAME_LENGTH,
        blank=True,
        validators=[validate_display_name],
    )
    color = models.CharField(_("color"), max_length=7, blank=True, choices=COLORS)
    look = models.CharField(max_length=LOOK_CHARACTERS, blank=True, editable=False)
    """Of the name that others see: nobody else goes by one that looks the same."""
    is_bot = models.BooleanField(
        _("bot"), default=False, help_text=_("An account of a program: nobody can sign in to it.")
    )

    portrait = models.CharField(
        max_length=32,
        blank=True,
        default="",
        db_default="",  # what knows no portraits adds people meanwhile
        editable=False,
    )
    """The code of their `Portrait`, another one with each."""

    objects: ClassVar[People] = People()

    class Meta(AbstractUser.Meta):
        verbose_name_plural = _("users")  # type: ignore[assignment]  # for locale/
        constraints = [
            models.CheckConstraint(
                condition=models.Q(username=Lower("username")),
                name="accounts_user_username_in_lower_case",
            ),
            models.UniqueConstraint(
                fields=["look"], condition=~models.Q(look=""), name="accounts_user_one_of_a_look"
            ),
        ]

    @classmethod
    def normalize_username(cls, username: str) -> str:
        return super().normalize_username(username).lower()

    def clean(self) -> None:
        super().clean()
        validate_free(self.name, self)

    def save(self, *args: Any, **kwargs: Any) -> None:  # Any: whatever Django's own save takes
        self.username = self.normalize_username(self.username)
        self.color = self.color or color_for(self.username)
        self.look = look(self.name)
        fields = kwargs.get("update_fields")
        if fields is not None and not {"username", "display_name"}.isdisjoint(fields):
            kwargs["update_fields"] = {*fields, "look"}
        with self._changing(kwargs.get("update_fields")):
            super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:  # Any: as of save
        with transaction.atomic():
            signals.people_leaving.send(User, users=[self])
            return super().delete(*args, **kwargs)

    def _changing(self, update_fields: Collection[str] | None) -> AbstractContextManager[None]:
        """Tells of the change where it is one that others see."""
        shown = set(signals.SHOWN_FIELDS) & set(update_fields or signals.SHOWN_FIELDS)
        row = User.objects.filter(pk=self.pk)
        saved = None if self._state.adding or not shown else row.values(*shown).first()
        if saved is None or all(saved[name] == getattr(self, name) for name in shown):
            return nullcontext()
        return signals.changing(row)

    def get_absolute_url(self) -> str:
        return reverse("accounts:profile", args=[self.username])

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        return self.display_name or self.username

    @property
    def initials(self) -> str:
        return initials(self.name)

    def as_person(self) -> Person:
        return as_person(
            self.pk, self.username, self.display_name, self.color, self.is_bot, self.portrait
        )


class Portrait(models.Model):
    """The picture that others see of a person: a small square in WebP.

    It is a row and no file, so that it goes with its person and is in each backup of the database.
    """

    user = models.OneToOneField(
        User, on_delete=models.CASCADE, verbose_name=_("user"), primary_key=True, related_name="+"
    )
    code = models.CharField(_("code"), max_length=32, unique=True)
    """Random: what it is an address of never changes."""
    content = models.BinaryField()

    class Meta:
        verbose_name = _("portrait")
        verbose_name_plural = _("portraits")

    def __str__(self) -> str:
        return _("Picture of %(person)s") % {"person": self.user}


def validate_free(name: str, owner: User | None = None) -> None:
    """Refuse a name that somebody else has, as username or otherwise, or that looks like it."""
    looks = look(name)
    others = User.objects.exclude(pk=owner.pk if owner and owner.pk else 0)
    same_username = models.Q(username__regex=username_pattern(looks))
    is_kept = owner is not None and owner.look == looks
    if (looks in reserved_looks() and not is_kept) or others.filter(
        models.Q(look=looks) | same_username
    ).exists():
        raise ValidationError(
            _("Somebody goes by this name, or one that looks the same. Choose another."),
            code="taken",
        )


USERNAME_VALIDATORS = [validate_username, validate_free]
"""For those who sign up (`ACCOUNT_USERNAME_VALIDATORS`)."""


def lock_people(user_ids: Collection[int], **only: bool) -> list[int]:
    """Lock the rows of some people, in the order of their ids.

    Returns who of them exists and is as `only` says.

    A transaction that changes what several people have does so for all of them first, so that two
    such transactions never wait for each other.
    """
    people = User.objects.select_for_update(no_key=True).order_by("pk")
    return list(people.filter(pk__in=user_ids, **only).values_list("pk", flat=True))
