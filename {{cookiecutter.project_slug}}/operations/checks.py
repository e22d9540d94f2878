"""What is wrong with a site's surroundings, found by trying them: `check`, `check --deploy`."""

import asyncio
from collections.abc import Iterator
from typing import Any

from channels.layers import DEFAULT_CHANNEL_LAYER, channel_layers
from django.conf import settings
from django.contrib.staticfiles.apps import StaticFilesConfig
from django.contrib.staticfiles.finders import get_finders
from django.contrib.staticfiles.storage import ManifestFilesMixin, staticfiles_storage
from django.core import checks
from django.core.cache import cache
from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.urls import resolve, reverse
from redis.exceptions import RedisError

from realtime.redis import fault, servers, try_out

PASSWORD_CHARACTERS = 16
ANSWER_SECONDS = 5
UNMIGRATED = "operations.W005"
LAYER_CHANNEL = "asgi__group__realtime.try"  # after REDIS_PREFIX, named as the layer's own are
LAYER_GROUP = "realtime.try"
TRY_SECONDS = 0.2
SHOWN_FILES = 3
ADMIN_PAGES = ["index", "login", "accounts_user_changelist"]

Messages = Iterator[CheckMessage]


@register
def check_settings(app_configs: Any, **kwargs: Any) -> Messages:  # Any: Django's signature
    """Every variable of `.env` is read, and the admin and the site are where they can be."""
    for line in settings.UNKNOWN_VARIABLES:
        hint = "Correct it or take it out. A variable of your own is read in config/settings.py."
        yield checks.Warning(line, hint, id="operations.W001")
    path = f"/{settings.ADMIN_PATH}"
    taken = any(resolve(reverse(f"admin:{page}")).app_name != "admin" for page in ADMIN_PAGES)
    if taken or path.startswith((settings.STATIC_URL, "/ws/")):
        yield Error(
            f"ADMIN_PATH is {settings.ADMIN_PATH!r}, where something else of the site is.",
            hint="Give another, such as admin/.",
            id="operations.E001",
        )
    if settings.FORCE_SCRIPT_NAME:
        yield Error(
            f"FORCE_SCRIPT_NAME is {settings.FORCE_SCRIPT_NAME!r}, and the site cannot be "
            "under a path.",
            hint="Give the site a host of its own, such as chat.example.com.",
            id="operations.E002",
        )


@register(deploy=True)
def check_mail(app_configs: Any, **kwargs: Any) -> Messages:  # Any: Django's signature
    """Mail has links that lead to the site, and goes where somebody has said."""
    if "*" in settings.ALLOWED_HOSTS:
        yield checks.Warning(
            "ALLOWED_HOSTS has *, so a stranger chooses where the links in the site's mail lead.",
            hint="Write the site's own hosts.",
            id="operations.W002",
        )
    if not settings.EMAIL_SERVER:
        yield checks.Warning(
            "EMAIL_URL is not set, so mail goes to the log, such as links to new passwords.",
            hint="Write the mail server's address, or consolemail:// where the log is what you "
            "want.",
            id="operations.W003",
        )


@register(deploy=True)
def check_static_files(app_configs: Any, **kwargs: Any) -> Messages:  # Any: Django's signature
    """The files that pages need are collected."""
    if wrong := uncollected_files():
        shown = ", ".join(wrong[:SHOWN_FILES])
        more = f" and {len(wrong) - SHOWN_FILES} more" if len(wrong) > SHOWN_FILES else ""
        yield Error(
            f"Static files are not collected as they are now: {shown}{more}.",
            hint="Run manage.py collectstatic.",
            id="operations.E003",
        )


@register(deploy=True)
def check_database(app_configs: Any, **kwargs: Any) -> Messages:  # Any: Django's signature
    """The database lets the site in, and has its tables."""
    if 0 < len(settings.DATABASE["PASSWORD"]) < PASSWORD_CHARACTERS:
        yield checks.Warning(
            f"The password in DATABASE_URL has fewer than {PASSWORD_CHARACTERS} characters.",
            hint="Give it a longer one, of random letters and digits.",
            id="operations.W004",
        )
    try:
        refused, missing = database_refusal(), missing_migrations()
    except (DatabaseError, ImproperlyConfigured, TypeError, ValueError) as error:
        refused, missing = (str(error).strip() or type(error).__name__).splitlines()[0], 0
    if refused:
        why = refused.strip(". ")
        yield Error(
            f"DATABASE_URL leads to no database that lets the site write: {why}.",
            hint="Correct it, or start the database.",
            id="operations.E004",
        )
    if missing:
        yield checks.Warning(
            f"{missing} migrations are missing in the database.",
            hint="Run manage.py release.",
            id=UNMIGRATED,
        )


@register(deploy=True)
def check_storage(app_configs: Any, **kwargs: Any) -> Messages:  # Any: Django's signature
    """The store of what people upload takes a file and drops it."""
    try:
        default_storage.delete(default_storage.save("try", ContentFile(b"try")))
    except Exception as error:  # whatever the library of a store raises
        why = (str(error) or type(error).__name__).splitlines()[0].strip(". ")
        if isinstance(default_storage, FileSystemStorage):
            message = f"The site cannot write to {settings.MEDIA_ROOT}: {why}."
            hint = "Let its user write there, or keep files in an object store: STORAGE_URL."
        else:
            message = f"STORAGE_URL leads to no bucket that the site may write to: {why}."
            hint = "Correct it, make the bucket, or let the key read, write and delete there."
        yield Error(message, hint=hint, id="operations.E006")


@register(deploy=True)
def check_redis(app_configs: Any, **kwargs: Any) -> Messages:  # Any: Django's signature
    """Each Redis does what the site asks of it."""
    if not settings.REDIS_URL:
        return
    try:
        asyncio.run(asyncio.wait_for(try_redis(), ANSWER_SECONDS))
    except (RedisError, OSError) as error:
        said = f" ({str(error).strip('. ')})" if str(error) else ""
        yield Error(
            f"REDIS_URL leads to no Redis that does its work: {fault(error)}{said}.",
            hint="docs/operations.md says what to do, under Health.",
            id="operations.E005",
        )


@register(deploy=True)
def check_layer(app_configs: Any, **kwargs: Any) -> Messages:  # Any: Django's signature
    """The channel layer carries messages, if `check_redis` has not tried it."""
    if settings.REDIS_URL and settings.LAYER_URL == settings.REDIS_URL:
        return
    try:
        asyncio.run(asyncio.wait_for(try_layer(), ANSWER_SECONDS))
    except TimeoutError:
        why = "no answer, or it refuses the name and the password"
    except Exception as error:  # each layer has its own
        why = (str(error).strip(". ") or type(error).__name__).splitlines()[0]
    else:
        return
    yield Error(
        f"LAYER_URL leads to no channel layer that carries messages: {why}.",
        hint="Correct it, or start its server: docs/layers.md.",
        id="operations.E007",
    )


async def try_layer() -> None:
    """Let a group of the channel layer carry a message, on connections that end with this."""
    layer = channel_layers.make_backend(DEFAULT_CHANNEL_LAYER)
    channel = await layer.new_channel()
    await layer.group_add(LAYER_GROUP, channel)
    heard = asyncio.create_task(layer.receive(channel))
    while not heard.done():  # `group_add` may return before the layer delivers
        await layer.group_send(LAYER_GROUP, {"type": "realtime.try"})
        await asyncio.wait([heard], timeout=TRY_SECONDS)
    await heard
    await layer.group_discard(LAYER_GROUP, channel)
    if close := getattr(layer, "close", None):
        await close()


# What `/readyz` tries too.


async def try_redis() -> None:
    """Do what the site does, with each Redis: publish and hear; and with the first, write.

    Raises:
        RedisError, OSError: one of them does not answer, or refuses something.
    """
    channel = settings.REDIS_PREFIX + LAYER_CHANNEL
    first, *others = servers(settings.REDIS_URL)
    await try_out(first, channel, cache.make_key("try"))
    for other in others:
        await try_out(other, channel)


def database_refusal() -> str | None:
    """Why the database, which answers, takes no writes; None if it does."""
    with connection.cursor() as cursor:
        if connection.vendor != "postgresql":
            cursor.execute("SELECT 1")
            return None
        cursor.execute("SELECT current_setting('transaction_read_only')")
        return "it is read-only" if cursor.fetchone() == ("on",) else None


def missing_migrations() -> int:
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def uncollected_files() -> list[str]:
    """The static files that are not collected, or have changed since."""
    if not isinstance(staticfiles_storage, ManifestFilesMixin):
        return []
    collected = staticfiles_storage.hashed_files
    return sorted(
        path
        for path, storage in static_files().items()
        if path not in collected or _has_changed(path, storage)
    )


def static_files() -> dict[str, Any]:  # Any: untyped in Django
    """The storage of each static file: of two with one path that of the first, as collectstatic."""
    found: dict[str, Any] = {}
    for finder in get_finders():
        for path, storage in finder.list(StaticFilesConfig.ignore_patterns):
            found.setdefault(path, storage)
    return found


def _has_changed(path: str, storage: Any) -> bool:  # Any: untyped in Django
    if not staticfiles_storage.exists(path):
        return True
    with storage.open(path) as now, staticfiles_storage.open(path) as collected:
        return bool(now.read() != collected.read())
