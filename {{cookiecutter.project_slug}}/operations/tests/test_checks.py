"""What `check --deploy` and `release` find wrong with a site's surroundings."""

import importlib
import io
import shutil
import socket
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from unittest import mock

import pytest
from channels.layers import InMemoryChannelLayer
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import FileSystemStorage, default_storage
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.urls import clear_url_caches
from django.utils.functional import empty
from pytest_django import Settings
from redis import Redis

from operations import checks
from realtime.layers import layer
from realtime.tests.redis_server import RedisServer


class Layer(InMemoryChannelLayer):
    """Another than the one that is for development alone."""

    def __init__(self) -> None:
        super().__init__(capacity=10_000)


@pytest.fixture
def production(settings: Settings, db: None) -> Settings:
    """An environment without an error."""
    import_module(settings.ROOT_URLCONF)  # with the ADMIN_PATH that no test has changed
    settings.SECRET_KEY = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    settings.SECURE_SSL_REDIRECT = True
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    settings.WEB_PUSH_SECRET = settings.SECRET_KEY
    settings.EMAIL_SERVER = {"EMAIL_HOST": "mail.example.com"}
    settings.REDIS_URL = ""
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": f"{__name__}.Layer"}}
    settings.UNKNOWN_VARIABLES = []
    return settings


def found() -> list[str]:
    """A line for each message of `check --deploy`."""
    messages = run_checks(include_deployment_checks=True)
    return [f"{each.id} {each.msg}" for each in messages]


def test_a_good_environment_has_no_warning(production: Settings) -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("setting", "value", "line"),
    [
        ("DEBUG", True, "security.W018 You should not have DEBUG set to True in deployment."),
        ("SECRET_KEY", "short", "security.W009 Your SECRET_KEY has less than 50 characters"),
        ("FORCE_SCRIPT_NAME", "/chat", "operations.E002 FORCE_SCRIPT_NAME is '/chat', and the sit"),
        ("ALLOWED_HOSTS", ["*"], "operations.W002 ALLOWED_HOSTS has *, so a stranger chooses wher"),
        (
            "EMAIL_SERVER",
            {},
            "operations.W003 EMAIL_URL is not set, so mail goes to the log",
        ),
        ("UNKNOWN_VARIABLES", ["REDIS_ULR is in .env"], "operations.W001 REDIS_ULR is in .env"),
        ("SESSION_ENGINE", "django.contrib.sessions.backends.cache", "realtime.E003 "),
        ("REDIS_URL", "redis://127.0.0.1:1/0", "operations.E005 REDIS_URL leads to no Redis that"),
    ],
)
def test_what_is_wrong_is_one_message(
    production: Settings, setting: str, value: object, line: str
) -> None:
    setattr(production, setting, value)
    (message,) = found()
    assert message.startswith(line)
    assert "\n" not in message


def test_a_folder_that_cannot_be_written_is_told(
    production: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "media").touch()
    storage = FileSystemStorage(tmp_path / "media")
    monkeypatch.setattr(default_storage, "_wrapped", storage)
    (line,) = found()
    assert line.startswith("operations.E006 The site cannot write to ")
    assert "\n" not in line


def test_a_bucket_that_cannot_be_written_is_told(
    production: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = mock.Mock(save=mock.Mock(side_effect=LookupError("No such bucket.\nIt is not there.")))
    monkeypatch.setattr(default_storage, "_wrapped", broken)
    assert found() == [
        "operations.E006 STORAGE_URL leads to no bucket that the site may write to: No such bucket."
    ]


@pytest.mark.parametrize("taken", ["accounts/", "settings/profile/", "static/", "ws/"])
def test_an_admin_that_other_pages_hide_is_told(production: Settings, taken: str) -> None:
    usual = production.ADMIN_PATH
    try:
        move_admin(production, taken)
        assert found() == [
            f"operations.E001 ADMIN_PATH is {taken!r}, where something else of the site is."
        ]
    finally:
        move_admin(production, usual)


def move_admin(production: Settings, path: str) -> None:
    production.ADMIN_PATH = path
    importlib.reload(importlib.import_module(production.ROOT_URLCONF))
    clear_url_caches()


@pytest.mark.parametrize(
    "error",
    [OperationalError("no"), TypeError("no"), UnicodeError("no"), ImproperlyConfigured("no")],
)
def test_a_database_that_cannot_be_asked_is_told(
    production: Settings, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(checks, "database_refusal", mock.Mock(side_effect=error))
    assert found() == [
        "operations.E004 DATABASE_URL leads to no database that lets the site write: no."
    ]


def test_an_unreachable_database_is_told_in_a_line_without_its_password(
    production: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise OperationalError("connection refused\nIs the server running?")

    production.DATABASE = {**production.DATABASE, "PASSWORD": "hunter2"}
    monkeypatch.setattr(checks, "database_refusal", fail)
    assert found() == [
        "operations.W004 The password in DATABASE_URL has fewer than 16 characters.",
        "operations.E004 DATABASE_URL leads to no database that lets the site write: "
        "connection refused.",
    ]


def test_a_database_that_takes_no_writes_is_told(production: Settings) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("PostgreSQL has read-only transactions")
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")
    assert found() == [
        "operations.E004 DATABASE_URL leads to no database that lets the site write: "
        "it is read-only."
    ]


def test_a_database_without_migrations_is_told_and_released(
    production: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[str] = []
    monkeypatch.setattr(
        "operations.management.commands.release.call_command",
        lambda name, **options: called.append(name),
    )
    monkeypatch.setattr(MigrationRecorder, "applied_migrations", lambda self: {})
    (message,) = found()
    assert message.startswith("operations.W005 ")
    assert message.endswith(" migrations are missing in the database.")

    call_command("release")

    assert called == ["migrate", "sync_bindings"]


def test_a_release_with_errors_prints_a_line_for_each_and_changes_nothing(
    production: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    production.EMAIL_SERVER = {}
    production.ALLOWED_HOSTS = ["*"]
    monkeypatch.setattr("operations.management.commands.release.call_command", pytest.fail)
    with pytest.raises(CommandError) as refused:
        call_command("release")
    assert str(refused.value).splitlines() == [
        "ALLOWED_HOSTS has *, so a stranger chooses where the links in the site's mail lead. "
        "Write the site's own hosts.",
        "EMAIL_URL is not set, so mail goes to the log, such as links to new passwords. "
        "Write the mail server's address, or consolemail:// where the log is what you want.",
    ]


# Static files


@pytest.fixture
def static(production: Settings, tmp_path: Path) -> Iterator[Path]:
    """A folder with one static file, which production names by its hash."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "site.css").write_text("a {}")
    production.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    production.STATICFILES_DIRS = [source]
    production.STATIC_ROOT = tmp_path / "collected"
    production.STORAGES = {
        "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
        "staticfiles": {"BACKEND": "config.static.HashedStaticFiles"},
    }
    yield source
    shutil.rmtree(production.STATIC_ROOT, ignore_errors=True)


def collect() -> None:
    call_command("collectstatic", interactive=False, verbosity=0, stdout=io.StringIO())
    staticfiles_storage._wrapped = empty  # type: ignore[attr-defined]  # as in a new process


def test_static_files_that_are_not_collected_are_told(static: Path) -> None:
    staticfiles_storage._wrapped = empty  # type: ignore[attr-defined]
    line = "operations.E003 Static files are not collected as they are now: site.css."
    assert found() == [line]
    collect()
    assert found() == []
    (static / "site.css").write_text("b {}")
    assert found() == [line]
    (static / "new.css").write_text("c {}")
    assert checks.uncollected_files() == ["new.css", "site.css"]


def test_a_collection_that_broke_off_is_told_and_repaired(
    production: Settings, static: Path
) -> None:
    collect()
    Path(production.STATIC_ROOT, "staticfiles.json").write_text('{"paths": {')
    production.STORAGES = {**production.STORAGES}  # read anew, as by a new process
    assert found() == ["operations.E003 Static files are not collected as they are now: site.css."]
    collect()
    assert found() == []


# The channel layer


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("redis://127.0.0.1:1", "Error 111 connecting to 127.0.0.1:1. Connect call failed"),
        ("postgres://127.0.0.1:1/site", 'connection failed: connection to server at "127.0.0.1"'),
    ],
)
def test_a_layer_without_a_server_is_told(production: Settings, url: str, why: str) -> None:
    production.CHANNEL_LAYERS = {"default": layer(url)}
    (message,) = found()
    prefix = "operations.E007 LAYER_URL leads to no channel layer that carries messages: "
    assert message.startswith(prefix + why)


def test_a_layer_that_is_silent_is_given_up(
    production: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "ANSWER_SECONDS", 0.2)
    monkeypatch.setattr(Layer, "group_send", mock.AsyncMock())
    assert found() == [
        "operations.E007 LAYER_URL leads to no channel layer that carries messages: "
        "no answer, or it refuses the name and the password."
    ]


# Redis


@pytest.fixture
def redis(production: Settings) -> Iterator[Redis]:
    """A client of a Redis of the test's own, which REDIS_URL names."""
    server = RedisServer()
    server.start()
    try:
        production.REDIS_URL = server.url
        with Redis.from_url(server.url) as client:
            yield client
    finally:
        server.stop()


SITE = ["reset", "on", ">secret", "~*", "+@all"]


@pytest.mark.redis
@pytest.mark.parametrize(
    ("commands", "word"),
    [
        ([["CONFIG", "SET", "maxmemory", "1"]], "full"),
        ([["REPLICAOF", "127.0.0.1", "1"]], "read-only"),
        ([["ACL", "SETUSER", "site", *SITE, "resetchannels"]], "not permitted"),
        ([["ACL", "SETUSER", "site", *SITE, "&*", "-publish"]], "not permitted"),
        ([["ACL", "SETUSER", "site", *SITE, "&*", "-subscribe"]], "not permitted"),
        ([["ACL", "SETUSER", "site", *SITE, "&*", "-eval"]], "not permitted"),
        ([["ACL", "SETUSER", "site", *SITE, "&*", "resetkeys", "~other:*"]], "not permitted"),
        ([["ACL", "SETUSER", "site", *SITE, ">other", "<secret"]], "wrong password"),
    ],
)
def test_a_redis_that_refuses_something_is_told(
    production: Settings, redis: Redis, commands: list[list[str]], word: str
) -> None:
    for command in commands:
        redis.execute_command(*command)
        if command[0] == "ACL":
            production.REDIS_URL = production.REDIS_URL.replace("//", "//site:secret@")
    (message,) = found()
    prefix = f"operations.E005 REDIS_URL leads to no Redis that does its work: {word} ("
    assert message.startswith(prefix)
    assert "secret" not in message


@pytest.mark.redis
def test_a_redis_that_is_silent_is_given_up(
    production: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "ANSWER_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        production.REDIS_URL = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        assert found() == [
            "operations.E005 REDIS_URL leads to no Redis that does its work: no answer."
        ]
