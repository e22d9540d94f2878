"""What is wrong with a site's surroundings, found by trying them: `check`, `check --deploy`."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.apps import StaticFilesConfig
from django.contrib.staticfiles.finders import get_finders
from django.contrib.staticfiles.storage import ManifestFilesMixin, staticfiles_storage
from django.core import checks
from django.core.cache import cache
from django.core.checks import CheckMessage, register
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.urls import resolve, reverse
from redis.asyncio import Redis
from redis.exceptions import NoPermissionError, RedisError

from realtime.redis import async_pool, fault, first_server, servers, try_out

PASSWORD_CHARACTERS = 16
ANSWER_SECONDS = 5
UNMIGRATED = "operations.W005"
LAYER_CHANNEL = "asgi__group__realtime.try"  # after REDIS_PREFIX, named as the layer's own are
SHOWN_FILES = 3
ADMIN_PAGES = ["index", "login", "accounts_user_changelist"]

Messages = Sequence[CheckMessage]


@register
def check_variables(app_configs: Any, **kwargs: Any) -> Messages:  # Any: Django's signature
    """Every variable of `.env` is read by something."""
    hint = "Correct it or take it out. A variable of your own is read in config/settings.py."
    return [
        checks.Warning(line, hint=hint, id="operations.W001") for line in settings.UNKNOWN_VARIABLES
    ]


@register
def check_paths(app_configs: Any, **kwargs: Any) -> Messages:  # Any: Django's signature
    """The admin is where ADMIN_PATH says, and the site at the root of its host."""
    found: list[CheckMessage] = []
    path = f"/{settings.ADMIN_PATH}"
    taken = any(resolve(reverse(f"admin:{page}")).app_name != "admin" for page in ADMIN_PAGES)
    if taken or path.startswith((settings.STATIC_URL, "/ws/")):
        found.append(
            checks.Error(
                f"ADMIN_PATH is {settings.ADMIN_PATH!r}, where something else of the site is.",
                hint="Give another, such as admin/.",
                id="operations.E001",
            )
        )
    if settings.FORCE_SCRIPT_NAME:
        found.append(
            checks.Error(
                f"FORCE_SCRIPT_NAME is {settings.FORCE_SCRIPT_NAME!r}, and the site cannot be "
                "under a path.",
                hint="Give the site a host of its own, such as chat.example.com.",
                id="operations.E002",
            )
        )
    return found


@register(deploy=True)
def check_hosts(app_configs: Any, **kwargs: Any) -> Messages:  # Any: Django's signature
    """Nobody chooses the host in the links that the site mails."""
    if "*" not in settings.ALLOWED_HOSTS:
        return []
    return [
        checks.Warning(
            "ALLOWED_HOSTS has *, so a stranger chooses where the links in the site's mail lead.",
            hint="Write the site's own hosts.",
            id="operations.W002",
        )
    ]


@register(deploy=True)
def check_mail(app_configs: Any, **kwargs: Any) -> Messages:  # Any: Django's signature
    """Somebody has said where mail goes."""
    if settings.EMAIL_SERVER:
        return []
    return [
        checks.Warning(
            "EMAIL_URL is not set, so mail goes to the log, such as links to new passwords.",
            hint="Write the mail server's address, or consolemail:// where the log is what you "
            "want.",
            id="operations.W003",
        )
    ]


@register(deploy=True)
def check_static_files(app_configs: Any, **kwargs: Any) -> Messages:  # Any: Django's signature
    """The files that pages need are collected, as they are now."""
    wrong = sorted({*uncollected_files(), *outdated_files()})
    if not wrong:
        return []
    shown = ", ".join(wrong[:SHOWN_FILES])
    more = f" and {len(wrong) - SHOWN_FILES} more" if len(wrong) > SHOWN_FILES else ""
    return [
        checks.Error(
            f"Static files are not collected as they are now: {shown}{more}.",
            hint="Run manage.py collectstatic.",
            id="operations.E003",
        )
    ]


@register(deploy=True)
def check_database(app_configs: Any, **kwargs: Any) -> Messages:  # Any: Django's signature
    """The database lets the site in, and has its tables."""
    found: list[CheckMessage] = []
    password = settings.DATABASE["PASSWORD"]
    if password and len(password) < PASSWORD_CHARACTERS:
        found.append(
            checks.Warning(
                f"The password in DATABASE_URL has fewer than {PASSWORD_CHARACTERS} characters.",
                hint="Give it a longer one, of random letters and digits.",
                id="operations.W004",
            )
        )
    try:
        refused = database_refusal()
        missing = missing_migrations()
    except (DatabaseError, ImproperlyConfigured, TypeError, ValueError) as error:
        refused, missing = (str(error).strip() or type(error).__name__).splitlines()[0], 0
    if refused:
        why = refused.strip(". ")
        reason = f"DATABASE_URL leads to no database that lets the site write: {why}."
        found.append(
            checks.Error(reason, hint="Correct it, or start the database.", id="operations.E004")
        )
    if missing:
        found.append(
            checks.Warning(
                f"{missing} migrations are missing in the database.",
                hint="Run manage.py release.",
                id=UNMIGRATED,
            )
        )
    return found


@register(deploy=True)
def check_redis(app_configs: Any, **kwargs: Any) -> Messages:  # Any: Django's signature
    """Each Redis does what the site asks of it."""
    if not settings.REDIS_URL:
        return []
    return asyncio.run(_redis_faults())


async def _redis_faults() -> Messages:
    hint = "docs/operations.md says what to do, under Health."
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await try_redis()
            policy = await _eviction_policy()
    except (RedisError, OSError, TimeoutError) as error:
        said = f" ({str(error).strip('. ')})" if str(error) else ""
        reason = f"REDIS_URL leads to no Redis that does its work: {fault(error)}{said}."
        return [checks.Error(reason, hint=hint, id="operations.E005")]
    if not policy.startswith("allkeys"):
        return []
    reason = f"The Redis of REDIS_URL throws presence away: its maxmemory-policy is {policy}."
    return [checks.Warning(reason, hint="Set volatile-ttl.", id="operations.W006")]


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


async def _eviction_policy() -> str:
    """What the first Redis removes when it is full; empty where it may not be asked."""
    pool = async_pool(first_server(settings.REDIS_URL), connections=1, wait=1)
    try:
        memory = await Redis(connection_pool=pool).info("memory")
    except NoPermissionError:
        return ""
    finally:
        await pool.disconnect()
    return str(memory.get("maxmemory_policy", "")) if memory.get("maxmemory") else ""


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


def uncollected_files() -> set[str]:
    """The static files that no page can name, since they are not in the manifest."""
    if not isinstance(staticfiles_storage, ManifestFilesMixin):
        return set()
    return {path for path, _ in _files()} - staticfiles_storage.hashed_files.keys()


def outdated_files() -> Iterator[str]:
    """The static files that have changed since they were collected."""
    if not isinstance(staticfiles_storage, ManifestFilesMixin):
        return
    for path, storage in _files():
        if staticfiles_storage.exists(path):
            with storage.open(path) as now, staticfiles_storage.open(path) as collected:
                if now.read() != collected.read():
                    yield path


def _files() -> Iterator[tuple[str, Any]]:  # Any: the storage that a file is in
    """Each file that is to be collected; of two with one path, the first, as collectstatic does."""
    found = set()
    ignored = StaticFilesConfig.ignore_patterns
    for finder in get_finders():
        for path, storage in finder.list(ignored):
            if path not in found:
                found.add(path)
                yield path, storage
