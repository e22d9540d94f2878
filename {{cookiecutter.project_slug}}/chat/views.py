"""Chat's pages."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.first_run import first_run_first
from accounts.names import tidy
from accounts.requests import AuthenticatedRequest
from chat import actions, queries
from chat.frames import ATTACHMENTS_PER_MESSAGE
from chat.models import Membership, Room
from chat.search import found, read
from chat.text import (
    ABOUT_CHARACTERS,
    BODY_CHARACTERS,
    MOST_TYPED_CHARACTERS,
    NAME_CHARACTERS,
    clean_body,
)
from chat.timeline import lines
from realtime.conf import limits
from realtime.feeds.reading import number
from realtime.http import marked_refused
from realtime.protocol import ErrorCode, Refusal

PUBLIC_ROOMS_SHOWN = 50
INVITATIONS_SHOWN = 20
PEOPLE_SHOWN = 100
FORM_BYTES = 1_024  # of an upload, around the file

PAGES = (ErrorCode.FORBIDDEN, ErrorCode.NOT_FOUND, ErrorCode.RATE_LIMITED)
"""Refusals that are shown as pages, by `realtime.http`; others beside what was asked for."""


class RoomForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=NAME_CHARACTERS)
    about = forms.CharField(
        label=_("About"),
        help_text=_("What people talk about here."),
        max_length=ABOUT_CHARACTERS,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class NewRoomForm(RoomForm):
    kind = forms.ChoiceField(
        label=_("Who may come in"),
        choices=[
            (Room.Kind.PUBLIC, _("Everyone")),
            (Room.Kind.PRIVATE, _("Only people who are invited")),
        ],
        initial=Room.Kind.PUBLIC,
        widget=forms.RadioSelect,
    )
    client_id = forms.CharField(  # so that sending the form twice makes one room
        initial=lambda: secrets.token_hex(16), required=False, widget=forms.HiddenInput
    )

    def clean_client_id(self) -> str | None:
        return self.cleaned_data["client_id"] or None


# Rooms


@require_safe
@first_run_first
@login_required
def home(request: AuthenticatedRequest) -> HttpResponse:
    invitations = queries.invitations_of(request.user)
    return render(
        request,
        "chat/home.html",
        {
            "rooms": queries.rooms_of(request.user),
            "invitations": invitations[:INVITATIONS_SHOWN],
            "more_invitations": max(invitations.count() - INVITATIONS_SHOWN, 0),
            "public_rooms": queries.rooms_to_join(request.user)[:PUBLIC_ROOMS_SHOWN],
        },
    )


@require_safe
@login_required
def room(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    room = queries.room_by_slug(slug)
    membership = room.memberships.filter(user=request.user).select_related("user").first()
    if membership is None:
        return _from_outside(request, room)
    membership.room = room
    return _from_inside(request, membership)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def post(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    """Post a message by the form of a room's page, as it is where its scripts do not run."""
    membership = queries.membership_of(request.user, queries.room_by_slug(slug))
    if request.method != "POST":
        return _back_to(membership.room, request)
    body, client_id = request.POST.get("body", ""), request.POST.get("client_id", "")
    try:
        message = actions.post_message(
            membership.room, request.user, body=body, client_id=client_id
        )
        if message.edited_at is None and message.body != clean_body(body):
            detail = _("Your last message is sent. Now send this one.")
            raise Refusal(ErrorCode.CONFLICT, detail)
    except Refusal as refusal:
        if refusal.code in (ErrorCode.FORBIDDEN, ErrorCode.NOT_FOUND):
            raise
        messages.error(request, refusal.detail)
        return marked_refused(_from_inside(request, membership, unsent=body), refusal)
    return redirect(f"{membership.room.get_absolute_url()}?at={message.seq}")


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def create(request: AuthenticatedRequest) -> HttpResponse:
    form = NewRoomForm(_sent(request))
    if form.is_valid():
        try:
            return redirect(actions.create_room(request.user, **form.cleaned_data))
        except Refusal as refusal:
            return _show_form(request, form, refusal=refusal)
    return _show_form(request, form)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def settings(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    room = queries.room_by_slug(slug)
    membership = queries.membership_of(request.user, room)
    if not membership.may_moderate:
        raise Refusal(ErrorCode.FORBIDDEN, _("Only the room's moderators can change it."))
    form = RoomForm(_sent(request), initial={"name": room.name, "about": room.about})
    if form.is_valid():
        try:
            actions.update_room(room, request.user, **form.cleaned_data)
        except Refusal as refusal:
            return _show_form(request, form, membership, refusal)
        messages.success(request, _("The room is saved."))
        return redirect(room)
    return _show_form(request, form, membership)


@require_POST
@login_required
def archive(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    room = queries.room_by_slug(slug)
    actions.set_archived(room, request.user, archived="reopen" not in request.POST)
    return redirect("chat:room", slug)


@require_POST
@login_required
def transfer(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    room = queries.room_by_slug(slug)
    queries.membership_of(request.user, room)
    try:
        person = queries.person_by_username(request.POST.get("username", ""))
        actions.transfer_room(room, request.user, person)
    except Refusal as refusal:
        messages.error(request, refusal.detail)
        return redirect("chat:settings", slug)
    messages.success(request, _("%(name)s owns this room now.") % {"name": person.name})
    return redirect(room)


@require_POST
@login_required
def delete(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    room = queries.room_by_slug(slug)
    queries.membership_of(request.user, room)
    if tidy(request.POST.get("name", "")[:MOST_TYPED_CHARACTERS]) != room.name:
        messages.error(request, _("Nothing was deleted: type the room's name as it is written."))
        return redirect("chat:settings", slug)
    actions.delete_room(room, request.user)
    messages.success(request, _("%(room)s is deleted.") % {"room": room.name})
    return redirect("chat:home")


# One's own place in a room


@require_POST
@login_required
def join(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    room = queries.room_by_slug(slug)
    actions.enter(room, request.user)
    return redirect(room)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def link(request: AuthenticatedRequest, code: str) -> HttpResponse:
    room = queries.room_of_link(code)
    if request.method == "POST":
        return redirect(actions.follow_link(code, request.user))
    if room.memberships.filter(user=request.user).exists():
        return redirect(room)
    queries.check_not_banned(room, request.user)
    return _preview(request, room, reverse("chat:link", args=[code]))


@require_POST
@login_required
def leave(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    room = queries.room_by_slug(slug)
    with _refusals_shown(request):
        actions.leave_room(room, request.user)
        messages.success(request, _("You left %(room)s.") % {"room": room.name})
        return redirect("chat:home")
    return redirect(room)


@require_POST
@login_required
def accept(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    room = queries.room_by_slug(slug)
    actions.accept_invitation(room, request.user)
    return redirect(room)


@require_POST
@login_required
def decline(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    actions.decline_invitation(queries.room_by_slug(slug), request.user)
    return redirect("chat:home")


# The others in a room


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def invite(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    membership = queries.membership_of(request.user, queries.room_by_slug(slug))
    if request.method != "POST":
        return _back_to(membership.room, request)
    username = request.POST.get("username", "")
    try:
        person = queries.person_by_username(username)
        actions.invite(membership.room, request.user, person)
    except Refusal as refusal:
        page = _from_inside(request, membership, invited=username, not_invited=refusal.detail)
        return marked_refused(page, refusal)
    messages.success(request, _("%(name)s is invited.") % {"name": person.name})
    return redirect(membership.room)


@require_POST
@login_required
def change_link(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    change = actions.withdraw_link if "withdraw" in request.POST else actions.make_link
    with _refusals_shown(request):
        change(queries.room_by_slug(slug), request.user)
    return redirect(f"{reverse('chat:settings', args=[slug])}#link")


@require_POST
@login_required
def withdraw(request: AuthenticatedRequest, slug: str, username: str) -> HttpResponse:
    room = queries.room_by_slug(slug)
    person = queries.person_by_username(username)
    actions.withdraw_invitation(room, request.user, person)
    return redirect(room)


@require_POST
@login_required
def remove(request: AuthenticatedRequest, slug: str, username: str) -> HttpResponse:
    room = queries.room_by_slug(slug)
    person = queries.person_by_username(username)
    with _refusals_shown(request):
        actions.remove_member(room, request.user, person)
        said = _("%(name)s is no longer in this room.") % {"name": person.name}
        messages.success(request, said)
    return redirect(room)


@require_POST
@login_required
def lift_ban(request: AuthenticatedRequest, slug: str, username: str) -> HttpResponse:
    room = queries.room_by_slug(slug)
    person = queries.person_by_username(username)
    actions.lift_ban(room, request.user, person)
    said = _("%(name)s can join this room again.")
    if not room.is_public:
        said = _("%(name)s can join this room again by an invitation or a link.")
    messages.success(request, said % {"name": person.name})
    return redirect("chat:settings", slug)


@require_POST
@login_required
def role(request: AuthenticatedRequest, slug: str, username: str) -> HttpResponse:
    room = queries.room_by_slug(slug)
    person = queries.person_by_username(username)
    with _refusals_shown(request):
        actions.change_role(room, request.user, person, request.POST.get("role", ""))
    return redirect(room)


# People


@require_safe
@login_required
def people(request: AuthenticatedRequest) -> HttpResponse:
    query = request.GET.get("q", "").replace("\x00", "").strip().removeprefix("@")
    people = queries.people_to_talk_to(request.user, query)[:PEOPLE_SHOWN]
    return render(request, "chat/people.html", {"people": people, "query": query})


@require_POST
@login_required
def direct(request: AuthenticatedRequest, username: str) -> HttpResponse:
    return redirect(actions.start_direct(request.user, queries.person_by_username(username)))


# Messages


@require_safe
@login_required
def search(request: AuthenticatedRequest) -> HttpResponse:
    text = request.GET.get("q", "").replace("\x00", "")
    page: dict[str, object] = {"query": text}
    try:
        if text.strip() and (query := read(text)).is_narrow:
            page["found"] = found(request.user, query, number(request.GET.get("before", "")))
    except Refusal as refusal:
        if refusal.code == ErrorCode.RATE_LIMITED:
            raise
        page["refused"] = refusal.detail
    return render(request, "chat/search.html", page)


@contextmanager
def _refusals_shown(request: HttpRequest) -> Iterator[None]:
    """Show on the next page why an action is refused.

    Raises:
        Refusal: `forbidden`, `not_found` and `rate_limited`, which are pages of their own.
    """
    try:
        yield
    except Refusal as refusal:
        if refusal.code in PAGES:
            raise
        messages.error(request, refusal.detail)


def _sent(request: HttpRequest) -> QueryDict | None:
    return request.POST if request.method == "POST" else None


def _back_to(room: Room, request: HttpRequest) -> HttpResponse:
    """Follow a link of the page that shows why something was refused."""
    return redirect(f"{room.get_absolute_url()}?{request.GET.urlencode()}")


def _from_inside(
    request: AuthenticatedRequest, membership: Membership, **refused: str
) -> HttpResponse:
    """The page of a room for one who is in it; with what they sent and could not be taken."""
    room = queries.named_for(request.user, membership.room)
    at = max(number(request.GET.get("at", "")), 0) or None
    history = queries.opening_messages(membership, at)
    unread = queries.unread_of(membership)
    return render(
        request,
        "chat/room.html",
        {
            "room": room,
            "membership": membership,
            "history": history,
            "lines": lines(history.messages, request.user, membership.last_read),
            "at": at,
            "unread": unread,
            "client_id": secrets.token_hex(16),
            "members": queries.members(room)[: queries.MEMBERS_SHOWN],
            "member_count": room.memberships.count(),
            "invitations": queries.pending_invitations(room)[: queries.MEMBERS_SHOWN],
            "bootstrap": {
                "slug": room.slug,
                "kind": room.kind,
                "you": membership.as_reader(),
                "opening": {
                    "epoch": str(room.epoch),
                    "rev": room.last_rev,
                    "history": msgspec.to_builtins(history),
                    "unread": unread,
                    "at": at,
                },
                "limits": {"characters": BODY_CHARACTERS},
                "upload": {
                    "url": reverse("chat:upload", args=[room.slug]),
                    "bytes": limits().upload_bytes - FORM_BYTES,
                    "most": ATTACHMENTS_PER_MESSAGE,
                },
            },
            **refused,
        },
    )


def _from_outside(request: AuthenticatedRequest, room: Room) -> HttpResponse:
    """The page of a room for someone who is not in it: to look at a page is not to join."""
    if not room.is_public and room.invitations.filter(user=request.user).exists():
        said = _("You are invited to %(room)s: accept to come in.") % {"room": room.name}
        messages.info(request, said)
        return redirect("chat:home")
    queries.check_may_join(room, request.user)
    return _preview(request, room, reverse("chat:join", args=[room.slug]))


def _preview(request: HttpRequest, room: Room, join_url: str) -> HttpResponse:
    page = {"room": room, "member_count": room.memberships.count(), "join_url": join_url}
    return render(request, "chat/preview.html", page)


def _show_form(
    request: HttpRequest,
    form: RoomForm,
    membership: Membership | None = None,
    refusal: Refusal | None = None,
) -> HttpResponse:
    """The form; with what was typed, and why it is refused."""
    if refusal:
        form.add_error(None, refusal.detail)
    room = membership.room if membership else None
    bans = queries.bans(room)[: queries.MEMBERS_SHOWN] if room else []
    page = {"form": form, "room": room, "membership": membership, "bans": bans}
    response = render(request, "chat/room_form.html", page)
    return marked_refused(response, refusal) if refusal and refusal.code in PAGES else response
