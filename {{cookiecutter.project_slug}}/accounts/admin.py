"""People in the admin. Its sign-in is the site's own, which has rate limits."""

from collections.abc import Iterable
from typing import Any

from allauth.account.decorators import secure_admin_login
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialApp, SocialToken
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from accounts.forms import set_portrait
from accounts.models import Portrait, User
from accounts.two_factor import ask_for_factor, next_step
from realtime.admin import ReadOnlyAdmin

secure_login = secure_admin_login(admin.site.login)
has_permission = admin.site.has_permission


def login(request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
    """Sign in on the site, and by a second factor where `ADMIN_TWO_FACTOR` says so."""
    told = _("The admin needs a second factor: an authenticator app or a key.")
    if has_permission(request) and (asked := ask_for_factor(request, told)):
        return asked
    response: HttpResponse = secure_login(request, extra_context)
    return response


admin.site.site_header = admin.site.site_title = settings.SITE_NAME
admin.site.login = login  # type: ignore[method-assign]
admin.site.has_permission = (  # type: ignore[method-assign]
    lambda request: has_permission(request) and next_step(request) is None
)
admin.site.unregister([Authenticator, SocialApp, SocialToken])


@admin.register(Authenticator)
class AuthenticatorAdmin(ReadOnlyAdmin):
    """To delete what a person has lost; the secrets are not shown."""

    list_display = ["user", "type", "created_at", "last_used_at"]
    list_filter = ["type"]
    search_fields = ["user__username"]
    exclude = ["data"]


@admin.register(Portrait)
class PortraitAdmin(ReadOnlyAdmin):
    """To delete a picture that others should not see."""

    list_display = ["user"]
    search_fields = ["user__username"]
    exclude = ["content"]
    readonly_fields = ["picture"]

    @admin.display(description=_("picture"))
    def picture(self, portrait: Portrait) -> str:
        url = reverse("accounts:portrait", args=[portrait.code])
        return format_html('<img src="{}" alt="" width="256" height="256">', url)

    def delete_model(self, request: HttpRequest, portrait: Portrait) -> None:
        set_portrait(portrait.user, None)

    def delete_queryset(self, request: HttpRequest, portraits: Iterable[Portrait]) -> None:
        for portrait in portraits:
            set_portrait(portrait.user, None)


CONSEQUENCES = [
    _("They are signed out everywhere."),
    _("What they wrote stays, as the words of a deleted user. To delete that too, do so first."),
    _("Rooms that nobody else owns pass to another member."),
    _("Their invitations, reactions, notifications and settings are deleted."),
    _("If they may come back, make them inactive instead: untick Active on their page."),
]


@admin.register(User)
class UserAdmin(DjangoUserAdmin):  # type: ignore[type-arg]
    list_display = ["username", "display_name", "email", "is_active", "is_bot", "is_staff"]
    list_filter = ["is_active", "is_bot", "is_staff", "is_superuser", "date_joined"]
    search_fields = ["username", "display_name", "email"]
    ordering = ["username"]
    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        (_("Person"), {"fields": ["display_name", "color", "email", "is_bot"]}),
        (
            _("Permissions"),
            {"fields": ["is_active", "is_staff", "is_superuser", "groups", "user_permissions"]},
        ),
        (_("Dates"), {"fields": ["last_login", "date_joined"]}),
    ]

    def get_deleted_objects(
        self, people: Iterable[User], request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[str]]:  # Any: a tree of texts
        """Say what becomes of people's things.

        Django's own page would list them, and ask for the permission to delete each by itself.
        """
        people = list(people)
        shown: list[Any] = []
        for person in people:
            shown += [f"{person.name} (@{person.username})", CONSEQUENCES]
        return shown, {str(_("people")): len(people)}, set(), []
