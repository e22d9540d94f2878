"""The page of a room's bots, and the address that programs post to."""

import secrets
from hashlib import sha256

import msgspec
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from accounts.names import DISPLAY_NAME_LENGTH
from accounts.requests import AuthenticatedRequest
from bots import actions
from bots.models import URL_CHARACTERS, Webhook
from chat.actions import post_message
from chat.models import Room
from chat.queries import room_by_slug
from chat.text import clean_body
from realtime.http import marked_refused, refusing_in_json
from realtime.protocol import ErrorCode, Refusal

BODY_BYTES = 65_536
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
SHOWN_ONCE = "bots_shown_once"
"""In the session: the webhook whose address the next page shows, and its secret."""


class WebhookForm(forms.Form):
    name = forms.CharField(
        label=_("Name"),
        help_text=_("The program writes in the room under this name."),
        max_length=DISPLAY_NAME_LENGTH,
    )
    url = forms.CharField(
        label=_("Address for the room's messages"),
        help_text=_("Leave it empty if the program only writes."),
        max_length=URL_CHARACTERS,
        required=False,
        widget=forms.URLInput(attrs={"placeholder": "https://"}),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def room(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    room = room_by_slug(slug)
    actions.check_may_moderate(room, request.user)
    form = WebhookForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            webhook, secret = actions.create_webhook(room, request.user, **form.cleaned_data)
        except Refusal as refusal:
            form.add_error(None, refusal.detail)
            return marked_refused(_page(request, room, form), refusal)
        request.session[SHOWN_ONCE] = [webhook.pk, secret]
        return redirect("bots:room", slug)
    return _page(request, room, form)


@require_POST
@login_required
def change(request: AuthenticatedRequest, slug: str, pk: int) -> HttpResponse:
    """Renew or delete a webhook."""
    webhook = get_object_or_404(Webhook, pk=pk, room__slug=slug)
    if "delete" in request.POST:
        actions.delete_webhook(webhook, request.user)
        messages.success(request, _("The webhook is deleted."))
    else:
        secret = actions.renew_webhook(webhook, request.user)
        request.session[SHOWN_ONCE] = [webhook.pk, secret]
    return redirect("bots:room", slug)


@require_POST
@login_required
def add(request: AuthenticatedRequest, slug: str) -> HttpResponse:
    """Add a bot that answers."""
    bot = actions.add_answering_bot(
        room_by_slug(slug), request.user, request.POST.get("username", "")
    )
    said = _("%(name)s answers whoever mentions @%(username)s.")
    messages.success(request, said % {"name": bot.name, "username": bot.username})
    return redirect("bots:room", slug)


def _page(request: AuthenticatedRequest, room: Room, form: WebhookForm) -> HttpResponse:
    shown_pk, secret = request.session.pop(SHOWN_ONCE, (None, ""))
    shown = room.webhooks.filter(pk=shown_pk).first()
    page = {
        "room": room,
        "form": form,
        "webhooks": room.webhooks.select_related("bot"),
        "shown": shown,
        "address": shown and request.build_absolute_uri(reverse("bots:hook", args=[secret])),
        "answering": settings.ANSWERING_BOTS,
        "members": set(
            room.memberships.filter(user__is_bot=True).values_list("user__username", flat=True)
        ),
    }
    return render(request, "bots/room.html", page)


# Posting


class HookBody(msgspec.Struct):
    """What a program posts; whatever else it has, as Slack's webhooks do, is ignored."""

    text: str
    id: str | None = None


@csrf_exempt
@require_POST
@refusing_in_json
def hook(request: HttpRequest, secret: str) -> HttpResponse:
    """Post a message, as the bot of the webhook that has this secret.

    The header Idempotency-Key or the field `id` makes a retry harmless: it gets the first message.
    """
    webhook = (
        Webhook.objects.select_related("room", "bot")
        .filter(digest=Webhook.digest_of(secret))
        .first()
    )
    if webhook is None:
        detail = _("There is no such webhook. It may have been renewed.")
        raise Refusal(ErrorCode.NOT_FOUND, detail)
    if not webhook.bot.is_active:
        detail = _("This account is not active. Ask whoever runs this site.")
        raise Refusal(ErrorCode.FORBIDDEN, detail)
    posted = _posted(request)
    key = request.headers.get("Idempotency-Key") or posted.id or secrets.token_hex(16)
    client_id = sha256(key.encode(errors="replace")).hexdigest()
    message = post_message(webhook.room, webhook.bot, body=posted.text, client_id=client_id)
    if not message.deleted_at and message.body != clean_body(posted.text):
        raise Refusal(ErrorCode.CONFLICT, _("Another text was posted with this id before."))
    return JsonResponse({"room": webhook.room.slug, "seq": message.seq})


def _posted(request: HttpRequest) -> HookBody:
    is_form = request.content_type in FORMS  # whose body cannot be read again
    size = int(request.META.get("CONTENT_LENGTH") or 0)
    if max(size, 0 if is_form else len(request.body)) > BODY_BYTES:
        detail = _("A request has at most %(most)s bytes.") % {"most": BODY_BYTES}
        raise Refusal(ErrorCode.TOO_LARGE, detail)
    if "text" in request.POST:
        return HookBody(request.POST["text"], request.POST.get("id"))
    try:
        # The form that Slack knows has JSON in a field.
        text = request.POST.get("payload", "") if is_form else request.body
        return msgspec.json.decode(text, type=HookBody)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        wanted = _('Post JSON such as {"text": "Hello"}, or a form with the field text: %(error)s')
        raise Refusal(ErrorCode.INVALID, wanted % {"error": error}) from None
