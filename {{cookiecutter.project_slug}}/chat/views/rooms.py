"""The pages of rooms: the list, a room, making one, its settings."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.forms import Form
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import User
from accounts.requests import AuthenticatedRequest
from chat import actions, queries
from chat.forms import NewRoomForm, RoomForm
from chat.inbox import named_for, rooms_of
from chat.models import Membership, Room
from chat.wire import ReaderPerson, RoomPage, reader_data
from realtime.protocol import ErrorCode, Refusal

SOCKET = "/ws/"
PUBLIC_ROOMS_SHOWN = 100


@require_safe
@login_required
def home(request: AuthenticatedRequest) -> HttpResponse:
    return render(
        request,
        "chat/home.html",
        {
            "rooms": rooms_of(request.user),
            "invitations": queries.invitations_of(request.user),
            "public_rooms": queries.rooms_to_join(request.user)[:PUBLIC_ROOMS_SHOWN],
        },
    )


@require_safe
@login_required
def room(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    room = named_for(request.user, queries.room_by_slug(slug))
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
        try:
            return redirect(actions.create_room(request.user, **form.cleaned_data))
        except Refusal as refusal:
            form.add_error(None, refusal.detail)
    return render(request, "chat/room_form.html", {"form": form})


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def settings(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    room = queries.room_by_slug(slug)
    _refuse_others(request.user, room)
    form = RoomForm(_sent(request), initial={"name": room.name, "about": room.about})
    if form.is_valid() and _updated(form, room, request.user):
        messages.success(request, "The room is saved.")
        return redirect(room)
    return render(request, "chat/room_form.html", {"form": form, "room": room})


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
        return reader_data(membership)
    return {**user.as_person(), "role": Membership.Role.MEMBER, "last_read": room.last_rev}


def _refuse_others(user: User, room: Room) -> None:
    if not queries.membership_of(user, room).may_moderate:
        raise Refusal(ErrorCode.FORBIDDEN, "Only the room's moderators can change it.")


def _updated(form: Form, room: Room, user: User) -> bool:
    try:
        actions.update_room(room, user, **form.cleaned_data)
    except Refusal as refusal:
        form.add_error(None, refusal.detail)
        return False
    return True
