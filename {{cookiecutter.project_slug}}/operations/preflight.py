"""What is missing or wrong in a production environment, found before a version starts."""

import re
from collections.abc import Iterator

from django.conf import settings
from django.core.checks import WARNING, run_checks
from django.db import OperationalError, connection
from redis import Redis
from redis.exceptions import RedisError

from realtime.redis import Pool

LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
DOMAIN = re.compile(rf"({LABEL}\.)*{LABEL}")
PASSWORD_CHARACTERS = 16
ANSWER_SECONDS = 5


def errors() -> Iterator[str]:
    """One line for each error: it names the variable or the part, and says what to do."""
    if settings.DEBUG:
        yield "DEBUG is on, and shows everyone the site's insides: take it out of the environment."
    if not DOMAIN.fullmatch(settings.DOMAIN_NAME):
        yield (
            f"DOMAIN is {settings.DOMAIN_NAME!r}, and no certificate can be had for that: "
            "give a name alone, such as chat.example.com."
        )
    for check in run_checks(include_deployment_checks=True):
        if check.level >= WARNING and not check.is_silenced():
            yield f"{check.msg} {check.hint or ''}".strip()
    yield from _database_errors()
    yield from _redis_errors()


def _database_errors() -> Iterator[str]:
    password = settings.DATABASE["PASSWORD"]
    if password and len(password) < PASSWORD_CHARACTERS:
        yield (
            f"The password in DATABASE_URL has fewer than {PASSWORD_CHARACTERS} characters: "
            "give it a longer one, of random letters and digits."
        )
    try:
        connection.ensure_connection()
    except OperationalError as error:
        reason = str(error).strip().splitlines()[0]
        yield f"DATABASE_URL leads to no database that lets the site in: {reason}"


def _redis_errors() -> Iterator[str]:
    if not settings.REDIS_URL:
        return
    pool = Pool.from_url(settings.REDIS_URL, socket_connect_timeout=ANSWER_SECONDS)
    client = Redis(connection_pool=pool)
    try:
        client.ping()
    except (RedisError, OSError) as error:
        yield f"REDIS_URL leads to no Redis that answers: {error}"
    finally:
        client.close()
        pool.disconnect()
