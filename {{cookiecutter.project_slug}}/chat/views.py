"""Chat's pages."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import User
from accounts.requests import AuthenticatedRequest
from chat import actions, queries
from chat.frames import ReaderPerson, RoomPage
from chat.models import Membership, Room
from chat.text import ABOUT_CHARACTERS, NAME_CHARACTERS
from realtime.protocol import ErrorCode, Refusal

SOCKET = "/ws/"
PUBLIC_ROOMS_SHOWN = 100
PEOPLE_SHOWN = 100

P = ParamSpec("P")


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


# Rooms


@require_safe
@login_required
def home(request: AuthenticatedRequest) -> HttpResponse:
    return render(
        request,
        "chat/home.html",
        {
            "rooms": queries.rooms_of(request.user),
            "invitations": queries.invitations_of(request.user),
            "public_rooms": queries.rooms_to_join(request.user)[:PUBLIC_ROOMS_SHOWN],
        },
    )


@require_safe
@login_required
def room(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    room = queries.named_for(request.user, queries.room_by_slug(slug))
    membership = room.memberships.filter(user=request.user).select_related("user").first()
    if membership is None and not room.is_public:
        return _turn_away(request, room)
    return render(
        request,
        "chat/room.html",
        {
            "room": room,
            "membership": membership,
            "members": queries.members(room)[: queries.MEMBERS_SHOWN],
            "member_count": room.memberships.count(),
            "invitations": queries.pending_invitations(room) if membership else [],
            "bootstrap": _bootstrap(room, request.user, membership),
        },
    )


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def create(request: AuthenticatedRequest) -> HttpResponse:
    form = NewRoomForm(_sent(request))
    if form.is_valid():
        with _refusal_shown_in(form):
            return redirect(actions.create_room(request.user, **form.cleaned_data))
    return render(request, "chat/room_form.html", {"form": form})


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def settings(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    room = queries.room_by_slug(slug)
    if not queries.membership_of(request.user, room).may_moderate:
        raise Refusal(ErrorCode.FORBIDDEN, "Only the room's moderators can change it.")
    form = RoomForm(_sent(request), initial={"name": room.name, "about": room.about})
    if form.is_valid():
        with _refusal_shown_in(form):
            actions.update_room(room, request.user, **form.cleaned_data)
            messages.success(request, "The room is saved.")
            return redirect(room)
    return render(request, "chat/room_form.html", {"form": form, "room": room})


# One's own place in a room


@require_POST
@login_required
def join(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    room = queries.room_by_slug(slug)
    actions.enter(room, request.user)
    return redirect(room)


@require_POST
@login_required
def leave(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    room = queries.room_by_slug(slug)
    if not _attempt(request, actions.leave_room, room, request.user):
        return redirect(room)
    messages.success(request, f"You left {room.name}.")
    return redirect("chat:home")


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


@require_POST
@login_required
def invite(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    room = queries.room_by_slug(slug)
    queries.membership_of(request.user, room)
    try:
        person = queries.person_by_username(request.POST.get("username", ""))
    except Refusal as refusal:
        messages.error(request, refusal.detail)
        return redirect(room)
    if _attempt(request, actions.invite, room, request.user, person):
        messages.success(request, f"{person.name} is invited.")
    return redirect(room)


@require_POST
@login_required
def withdraw(request: AuthenticatedRequest, slug: str, username: str) -> HttpResponse:
    room = queries.room_by_slug(slug)
    person = queries.person_by_username(username)
    _attempt(request, actions.withdraw_invitation, room, request.user, person)
    return redirect(room)


@require_POST
@login_required
def remove(request: AuthenticatedRequest, slug: str, username: str) -> HttpResponse:
    room = queries.room_by_slug(slug)
    person = queries.person_by_username(username)
    if _attempt(request, actions.remove_member, room, request.user, person):
        messages.success(request, f"{person.name} is no longer in this room.")
    return redirect(room)


@require_POST
@login_required
def role(request: AuthenticatedRequest, slug: str, username: str) -> HttpResponse:
    room = queries.room_by_slug(slug)
    person = queries.person_by_username(username)
    role = request.POST.get("role", "")
    _attempt(request, actions.change_role, room, request.user, person, role)
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


def _attempt(
    request: HttpRequest, action: Callable[P, object], *args: P.args, **kwargs: P.kwargs
) -> bool:
    """Call an action; if it is refused for what the page can tell, show that on the next page.

    Raises:
        Refusal: `forbidden` and `not_found`, which are pages of their own.
    """
    try:
        action(*args, **kwargs)
    except Refusal as refusal:
        if refusal.code in (ErrorCode.FORBIDDEN, ErrorCode.NOT_FOUND):
            raise
        messages.error(request, refusal.detail)
        return False
    return True


def _sent(request: HttpRequest) -> QueryDict | None:
    return request.POST if request.method == "POST" else None


def _turn_away(request: AuthenticatedRequest, room: Room) -> HttpResponse:
    if not room.invitations.filter(user=request.user).exists():
        raise Refusal(ErrorCode.FORBIDDEN, "This room is private. Ask someone in it to invite you.")
    messages.info(request, f"You are invited to {room.name}: accept to come in.")
    return redirect("chat:home")


def _bootstrap(room: Room, user: User, membership: Membership | None) -> RoomPage:
    return {
        "slug": room.slug,
        "name": room.name,
        "kind": room.kind,
        "epoch": str(room.epoch),
        "rev": room.last_rev,
        "you": _reader(room, user, membership),
        "socket": SOCKET,
    }


def _reader(room: Room, user: User, membership: Membership | None) -> ReaderPerson:
    """The reader; one who has not joined yet is shown what joining will make of them."""
    if membership is not None:
        return membership.as_reader()
    return {**user.as_person(), "role": Membership.Role.MEMBER, "last_read": room.last_rev}


@contextmanager
def _refusal_shown_in(form: forms.Form) -> Iterator[None]:
    try:
        yield
    except Refusal as refusal:
        form.add_error(None, refusal.detail)
