"""Chat in the admin, which changes rows through the actions only."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import truncatechars
from django.utils.translation import gettext_lazy as _

from chat import actions
from chat.models import Ban, BanEvent, Membership, Message, Room
from chat.queries import with_member_count
from chat.text import NAME_CHARACTERS, clean_about, clean_name
from realtime.admin import ReadOnlyAdmin
from realtime.protocol import Refusal

BODY_SHOWN_CHARACTERS = 80


class RoomAdminForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's own cannot be subscripted
    name = forms.CharField(label=_("Name"), max_length=NAME_CHARACTERS)

    class Meta:
        model = Room
        fields = ["name", "about"]

    def clean(self) -> dict[str, str]:
        try:
            return {
                "name": clean_name(self.cleaned_data.get("name", "")),
                "about": clean_about(self.cleaned_data.get("about", "")),
            }
        except Refusal as refusal:
            raise ValidationError(refusal.detail) from None


class DeletesOneByOne(admin.ModelAdmin):  # type: ignore[type-arg]
    """Deletes what is chosen in a list as it deletes one row: by an action."""

    def delete_queryset(self, request: HttpRequest, rows: QuerySet[Any]) -> None:  # Any: any model
        for row in rows:
            self.delete_model(request, row)


@admin.register(Room)
class RoomAdmin(DeletesOneByOne):
    form = RoomAdminForm
    list_display = ["__str__", "slug", "kind", "member_count", "last_rev", "created_at"]
    list_filter = ["kind", "created_at", ("archived_at", admin.EmptyFieldListFilter)]
    search_fields = ["slug", "name", "about"]
    readonly_fields = ["slug", "kind", "last_rev", "epoch", "created_by", "created_at"]
    ordering = ["slug"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Room]:
        rooms: QuerySet[Room] = super().get_queryset(request)
        return with_member_count(rooms)

    @admin.display(description=_("members"), ordering="member_count")
    def member_count(self, room: Room) -> int:
        return room.member_count  # type: ignore[attr-defined,no-any-return]  # annotated

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, room: Room | None = None) -> bool:
        direct = room is not None and room.is_direct
        return not direct and super().has_change_permission(request, room)

    def save_model(
        self, request: HttpRequest, room: Room, form: RoomAdminForm, change: bool
    ) -> None:
        actions.update_room(room, None, name=room.name, about=room.about)

    def delete_model(self, request: HttpRequest, room: Room) -> None:
        actions.delete_room(room)

    def get_deleted_objects(
        self, rooms: Iterable[Room], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Count what goes with the rooms; Django's own page would name every message."""
        rooms = list(rooms)
        counts = {
            str(_("rooms")): len(rooms),
            str(_("messages")): Message.objects.filter(room__in=rooms).count(),
        }
        return [str(room) for room in rooms], counts, set(), []


@admin.register(Membership)
class MembershipAdmin(DeletesOneByOne, ReadOnlyAdmin):
    list_display = ["user", "room", "role", "joined_at", "last_read"]
    list_filter = ["role", "joined_at"]
    list_select_related = ["room", "user"]
    search_fields = ["user__username", "user__display_name", "room__slug", "room__name"]
    ordering = ["-pk"]

    def has_delete_permission(
        self, request: HttpRequest, membership: Membership | None = None
    ) -> bool:
        direct = membership is not None and membership.room.is_direct
        return not direct and super().has_delete_permission(request, membership)

    def get_deleted_objects(
        self, memberships: Iterable[Membership], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Direct rooms keep their people: those of `memberships` are named as protected."""
        memberships = list(memberships)
        direct = [str(each) for each in memberships if each.room.is_direct]
        others = [str(each) for each in memberships if not each.room.is_direct]
        return others, {str(_("memberships")): len(others)}, set(), direct

    def delete_model(self, request: HttpRequest, membership: Membership) -> None:
        actions.remove_member(membership.room, None, membership.user)


@admin.register(Ban)
class BanAdmin(DeletesOneByOne, ReadOnlyAdmin):
    """Deleting a ban here lets its person join again."""

    list_display = ["user", "room", "banned_by", "created_at"]
    list_filter = ["created_at"]
    list_select_related = ["room", "user", "banned_by"]
    search_fields = ["user__username", "user__display_name", "room__slug", "room__name"]
    ordering = ["-pk"]

    def delete_model(self, request: HttpRequest, ban: Ban) -> None:
        actions.lift_ban(ban.room, None, ban.user)


@admin.register(BanEvent)
class BanEventAdmin(ReadOnlyAdmin):
    """Who was banned from where by whom, and let back in by whom."""

    list_display = ["created_at", "user", "room", "what", "by"]
    list_filter = ["what", "created_at"]
    list_select_related = ["user", "by"]
    search_fields = ["user__username", "by__username", "room"]
    ordering = ["-pk"]

    def has_delete_permission(self, request: HttpRequest, event: BanEvent | None = None) -> bool:
        return False


@admin.register(Message)
class MessageAdmin(DeletesOneByOne, ReadOnlyAdmin):
    """Deleting a message here empties it, as in chat; its number stays taken."""

    list_display = ["room", "seq", "author", "beginning", "created_at", "is_deleted"]
    list_filter = ["created_at", ("deleted_at", admin.EmptyFieldListFilter)]
    list_select_related = ["room", "author"]
    search_fields = ["body", "author__username", "room__slug"]
    ordering = ["-pk"]

    @admin.display(description=_("body"))
    def beginning(self, message: Message) -> str:
        return truncatechars(message.body, BODY_SHOWN_CHARACTERS)

    @admin.display(boolean=True, description=_("deleted"))
    def is_deleted(self, message: Message) -> bool:
        return message.deleted_at is not None

    def delete_model(self, request: HttpRequest, message: Message) -> None:
        actions.delete_message(message.room, None, seq=message.seq)
