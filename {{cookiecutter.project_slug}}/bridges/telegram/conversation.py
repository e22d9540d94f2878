"""What a person may say to the bot, and what it answers."""

from collections.abc import Callable

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from bridges.telegram import linking
from bridges.telegram.models import Following, Link, Post
from chat.actions import edit_message, post_message
from chat.models import Message, Room
from chat.queries import slugs_of
from realtime.asgi import Message as Event
from realtime.protocol import ErrorCode, Refusal

HELP = gettext_noop("""\
What you write here goes to the room that you choose, and what is said there comes here.
/rooms lists your rooms
/room NAME chooses one
/leave reads no room here any more
/stop unlinks this chat
Reply to a message to answer it, in its room. An edit of yours is an edit there.""")
NOT_LINKED = gettext_noop(
    "This chat is not linked to an account. Sign in at %(site)s, open Settings, Telegram, and "
    "follow the link there."
)
WRONG_CODE = gettext_noop(
    "This code does not work: each works once, for ten minutes. Get a new one under Settings, "
    "Telegram."
)
TEXT_ALONE = gettext_noop("Only text is carried, so this was not posted.")
NO_ROOM = gettext_noop("Choose a room first: /rooms lists yours.")


def receive(chat_id: int, name: str, event: Event) -> str:
    """Do what a message in a private chat asks for.

    Returns:
        What to answer, in plain words; empty for nothing.
    """
    links = Link.objects.filter(chat_id=chat_id, user__is_active=True)
    link = links.select_related("user", "following__room").first()
    if link and not event["edited"] and event["message_id"] <= link.seen:
        return ""  # Telegram delivers it again: what it asked for is done
    try:
        return _answer(link, chat_id, name, event)
    except Refusal as refusal:
        return refusal.detail


def took(chat_id: int, message_id: int) -> None:
    """A message was taken, and its answer is on its way: it is not taken again."""
    Link.objects.filter(chat_id=chat_id, seen__lt=message_id).update(seen=message_id)


def _answer(link: Link | None, chat_id: int, name: str, event: Event) -> str:
    text: str = event["text"] or ""
    word, __, rest = text.partition(" ")
    if word == "/start" and rest:
        return _start(rest.strip(), chat_id, name)
    if link is None:
        return _(NOT_LINKED) % {"site": settings.SITE_NAME}
    if event["edited"]:
        return _edit(link, event) if text else ""
    if not text:
        return _(TEXT_ALONE)
    if not text.startswith("/"):
        return _post(link, event)
    command = COMMANDS.get(word.partition("@")[0])
    if command is None:
        return _("There is no command %(word)s. /help lists them.") % {"word": word[:40]}
    return command(link, rest.strip())


def _start(code: str, chat_id: int, name: str) -> str:
    user = linking.link(code, chat_id, name)
    if user is None:
        return _(WRONG_CODE)
    hello = _("Hello %(name)s. This chat is linked to your account now.") % {"name": user.name}
    return f"{hello}\n{_(HELP)}"


def _help(link: Link, rest: str) -> str:
    return _(HELP)


def _rooms(link: Link, rest: str) -> str:
    names = Room.topics.names_for(link.user_id)
    if not names:
        return _("You are in no room yet. Join one on the site.")
    lines = [f"/room {slug}: {name}" for slug, name in names.items()]
    return "\n".join([_("Your rooms, the latest first:"), *lines])


def _room(link: Link, wanted: str) -> str:
    (slugs,) = slugs_of([link.user_id])
    names = Room.topics.names_for(link.user_id, slugs)
    found = [slug for slug, name in names.items() if wanted.lower() in (slug, name.lower())]
    room = Room.objects.filter(slug__in=found[:1]).first()
    if room is None:
        raise Refusal(ErrorCode.NOT_FOUND, _("You are in no such room. /rooms lists yours."))
    with room.changing() as changes:
        if not Following.objects.filter(link=link, room=room).exists():
            Following.objects.filter(link=link).delete()
            Following.objects.create(link=link, room=room, rev=changes.feed.last_rev)
    text = _("You are in %(room)s now. What you write here is posted there.")
    return text % {"room": names[room.slug]}


def _leave(link: Link, rest: str) -> str:
    Following.objects.filter(link=link).delete()
    return _("No room is read here any more. Mentions and direct messages still come.")


def _stop(link: Link, rest: str) -> str:
    linking.unlink(link.user)
    return _("This chat is no longer linked, and nothing more comes here.")


COMMANDS: dict[str, Callable[[Link, str], str]] = {
    "/start": _help,
    "/help": _help,
    "/rooms": _rooms,
    "/room": _room,
    "/leave": _leave,
    "/stop": _stop,
}


def _post(link: Link, event: Event) -> str:
    client_id = link.client_id(event["message_id"])
    room, seq = _answered(link, event["reply_to"])
    post_message(room, link.user, body=event["text"], client_id=client_id, reply_to=seq)
    return ""


def _answered(link: Link, message_id: int | None) -> tuple[Room, int | None]:
    """The room in which to post: that of the message replied to, with its `seq`; or the chosen."""
    if message_id is not None:
        posts = Post.objects.filter(link=link, message_id=message_id).select_related("room")
        answered = posts.first() or _own(link, message_id)
        if answered:
            return answered.room, answered.seq
    following = Following.objects.filter(link=link).select_related("room").first()
    if following is None:
        raise Refusal(ErrorCode.NOT_FOUND, _(NO_ROOM))
    return following.room, None


def _edit(link: Link, event: Event) -> str:
    message = _own(link, event["message_id"])
    if message is None:
        return _("This was never posted, so it cannot be changed. Write it again.")
    edit_message(message.room, link.user, seq=message.seq, body=event["text"])
    return ""


def _own(link: Link, message_id: int) -> Message | None:
    """The message that was posted from this chat under that id."""
    messages = Message.objects.filter(author=link.user, client_id=link.client_id(message_id))
    return messages.select_related("room").first()
