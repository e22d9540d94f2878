"""The variables that the settings read: what each takes, and the line that a wrong one gets."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

SETTINGS = settings.BASE_DIR / "config/settings.py"
SECRET_KEY = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
web_push = pytest.mark.skipif(
    "notifications.webpush" not in settings.INSTALLED_APPS, reason="baked without web push"
)

mqtt = pytest.mark.skipif(
    "bridges.mqtt" not in settings.INSTALLED_APPS, reason="baked without MQTT"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project's folder, with a name that means something else in a URL or in a shell."""
    folder = tmp_path / "100%41 #b?c d é"
    folder.mkdir()
    return folder


def read(folder: Path, file: str = "", **environment: str) -> dict[str, Any]:  # Any: settings
    """The settings of a project in `folder`, with the `.env` file and in the environment."""
    (folder / ".env").write_text(file, encoding="utf-8")
    names = {"__file__": str(folder / "config/settings.py"), "__name__": "config.settings"}
    changes = {"SECRET_KEY": SECRET_KEY, "COOKIE_PREFIX": "site", **environment}
    with mock.patch.dict(os.environ, changes, clear=True):
        exec(compile(SETTINGS.read_text(encoding="utf-8"), SETTINGS, "exec"), names)  # noqa: S102
    return names


def faults(folder: Path, file: str = "", **environment: str) -> list[str]:
    """The lines that the settings end with."""
    with pytest.raises(ImproperlyConfigured) as refused:
        read(folder, file, **environment)
    return str(refused.value).splitlines()


PATHS = """write a JSON object such as {"helper": "helper.answers.answer"}."""
BOOLEAN = "write true or false."
PROVIDER = (
    'Write one such as {"name": "Example", "server_url": "https://login.example.com", '
    '"client_id": "...", "client_secret": "..."}, or a list of them.'
)
EXAMPLE = '{"name": "Example", "server_url": "https://login.example.com", "client_id": "site"}'
PORT = "write a whole number from 1 to 65535."
PROCESSES = "write a whole number from 1 to 500."
SECONDS = "write a whole number from 0 to 1000000000."
CODE = "write 16 characters or more, such as openssl rand -hex 16 prints."
LEVEL = "write one of DEBUG, INFO, WARNING, ERROR, CRITICAL."
HOST = "write a host without scheme and port, such as chat.example.com or [::1]."
NAME = "write a name alone, such as chat.example.com."
ORIGIN = "write scheme and host, such as https://chat.example.com."
NETWORK = "write an address or a network, such as 10.0.0.0/8."
ADMIN = "write letters, digits and hyphens and a slash at the end, such as admin/."
ADDRESS = "write an address, such as site@example.com."
WORD = "write letters, digits and hyphens."
QUOTES = "has quotes around its value, which count as part of it: leave them out."
REFERENCE = "names another variable with $, and nothing puts a value in its place: write the value."
UNSEEN = "has a character that cannot be seen: write it anew."
POSTGRES = (
    "is not the address of a database: write one such as postgres://user:password@host:5432/name."
)
SQLITE = (
    "names no file: write one such as sqlite:///db.sqlite3, with %23 for # and %3F for ? in its "
    "name."
)
MQTT = (
    "is not the address of an MQTT broker: write one such as mqtt://user:password@host:1883, "
    "or mqtts://; with %23 for # in a password."
)
REDIS = (
    "is not the address of a Redis: write one such as redis://host:6379/0, "
    "with %23 for # in a password."
)
LAYER = (
    "is not the address of a channel layer: write one such as redis://host:6379/0 or "
    "nats://host:4222, with %23 for # in a password; docs/layers.md lists them."
)
MAIL = (
    "is not the address of a mail server: write one such as "
    "smtp+tls://user:password@mail.example.com:587, with %23 for # in a password."
)
STORE = (
    "is not the address of a bucket: write one such as "
    "s3://KEY:SECRET@s3.example.com/bucket?region=eu-central-1, with %2F for / and %2B for + in "
    "the secret."
)
OBJECT = 'is not a JSON object: write one such as {"FRAME_BYTES": 65536}.'


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("DEBUG", "ture", f"cannot be 'ture': {BOOLEAN}"),
        ("DEBUG", "true # for now", f"cannot be 'true # for now': {BOOLEAN}"),
        ("DEBUG", '"true"', QUOTES),
        ("DEBUG", "$DEBUG", REFERENCE),
        ("BEHIND_PROXY", "caddy", f"cannot be 'caddy': {BOOLEAN}"),
        ("ALLOW_PRIVATE_ADDRESSES", "y", f"cannot be 'y': {BOOLEAN}"),
        ("LINK_PREVIEWS", "none", f"cannot be 'none': {BOOLEAN}"),
        ("ANSWERING_BOTS", "bots.echo", f"cannot be 'bots.echo': {PATHS}"),
        ("ANSWERING_BOTS", '{"echo": 7}', f"""cannot be '{{"echo": 7}}': {PATHS}"""),
        ("TWO_FACTOR", "totp", f"cannot be 'totp': {BOOLEAN}"),
        ("ADMIN_TWO_FACTOR", "staff", f"cannot be 'staff': {BOOLEAN}"),
        (
            "OPENID_CONNECT",
            "https://login.example.com",
            f"names no provider: JSON is malformed: invalid character (byte 0). {PROVIDER}",
        ),
        (
            "OPENID_CONNECT",
            EXAMPLE.replace("client_id", "id"),
            f"names no provider: Object contains unknown field `id`. {PROVIDER}",
        ),
        (
            "OPENID_CONNECT",
            EXAMPLE.replace("https://login.example.com", "login.example.com"),
            "names no provider: Expected `str` matching regex "
            rf"'^https?://[\\w.-]+(:\\d+)?(/\\S*)?$' - at `$.server_url`. {PROVIDER}",
        ),
        (
            "OPENID_CONNECT",
            f"[{EXAMPLE}, {EXAMPLE}]",
            "has two providers of one name: give each its own.",
        ),
        (
            "OPENID_CONNECT",
            EXAMPLE.replace("https", "http"),
            "asks login.example.com by http, so that others on the way can sign in as anybody: "
            "write https.",
        ),
        pytest.param("WEB_PUSH_SECRET", "${SECRET}", REFERENCE, marks=web_push),
        pytest.param("MQTT_URL", "mqtt://me:a#b@host", MQTT, marks=mqtt),
        pytest.param("MQTT_URL", "tcp://host", MQTT, marks=mqtt),
        pytest.param("MQTT_PREFIX", "a/b", f"cannot be 'a/b': {WORD}", marks=mqtt),
        ("SECRET_KEY", f"'{SECRET_KEY}'", QUOTES),
        ("SECRET_KEY_FALLBACKS", "$OLD_KEY", REFERENCE),
        ("METRICS_TOKEN", "$METRICS_TOKEN", REFERENCE),
        ("METRICS_TOKEN", "open\u200bsesame", UNSEEN),
        ("DOMAIN", "https://chat.example.com", f"cannot be 'https://chat.example.com': {NAME}"),
        ("DOMAIN", "a" * 100, f"cannot be '{'a' * 60}...': {NAME}"),
        ("ALLOWED_HOSTS", "a.example,b.example:8000", f"cannot be 'b.example:8000': {HOST}"),
        ("ALLOWED_HOSTS", "::1", f"cannot be '::1': {HOST}"),
        ("CSRF_TRUSTED_ORIGINS", "a.example", f"cannot be 'a.example': {ORIGIN}"),
        ("CSRF_TRUSTED_ORIGINS", "https://a:x", f"cannot be 'https://a:x': {ORIGIN}"),
        ("PORT", "65536", f"cannot be '65536': {PORT}"),
        ("PORT", "tcp://10.0.0.1:80", f"cannot be 'tcp://10.0.0.1:80': {PORT}"),
        ("HOST", "'::'", QUOTES),
        ("COOKIE_PREFIX", "a site", f"cannot be 'a site': {WORD}"),
        ("ADMIN_PATH", "secret", f"cannot be 'secret': {ADMIN}"),
        ("ADMIN_PATH", "a//b/", f"cannot be 'a//b/': {ADMIN}"),
        ("ADMIN_PATH", "<int:a>/", f"cannot be '<int:a>/': {ADMIN}"),
        ("DATABASE_URL", "postgres//db/site", POSTGRES),
        ("DATABASE_URL", "postgres://db", POSTGRES),
        ("DATABASE_URL", "postgres://u:p@ss@db:port/site", POSTGRES),
        ("DATABASE_URL", "mysql://db/site", POSTGRES),
        ("DATABASE_URL", "sqlite:///", SQLITE),
        ("DATABASE_URL", "sqlite:///:memory:", SQLITE),
        ("DATABASE_URL", "sqlite:////srv/a#b/db.sqlite3", SQLITE),
        ("REDIS_URL", "redis", REDIS),
        ("REDIS_URL", "redis://redis:port/0", REDIS),
        ("REDIS_URL", "redis://u:12#w@redis:6379/0", REDIS),
        ("REDIS_URL", "redis://redis:6379/first", REDIS),
        ("REDIS_URL", "redis://redis:6379/0?socket_timeout=soon", REDIS),
        ("REDIS_URL", "redis://redis:6379/0?timeout=5", REDIS),
        ("REDIS_URL", '"redis://redis:6379/0"', QUOTES),
        ("STORAGE_URL", "bucket", STORE),
        ("STORAGE_URL", "s3://s3.example.com/bucket", STORE),
        ("STORAGE_URL", "s3://key:secret@s3.example.com/", STORE),
        ("STORAGE_URL", "s3://key:se/cret@s3.example.com/bucket", STORE),
        ("STORAGE_URL", "s3://key:secret@s3.example.com:port/bucket", STORE),
        ("STORAGE_URL", "s3://key:secret@s3.example.com/bucket?acl=public", STORE),
        ("STORAGE_URL", "gs://key:secret@storage.example.com/bucket", STORE),
        ("REDIS_PREFIX", "${PREFIX:-a}", REFERENCE),
        ("LAYER_URL", "amqp://rabbit", LAYER),
        ("LAYER_URL", "nats://nats:port", LAYER),
        ("WEB_CONCURRENCY", "0", f"cannot be '0': {PROCESSES}"),
        ("WEB_CONCURRENCY", "1.5", f"cannot be '1.5': {PROCESSES}"),
        ("SECURE_HSTS_SECONDS", "9" * 30, f"cannot be '{'9' * 30}': {SECONDS}"),
        ("REALTIME", "fast", OBJECT),
        (
            "REALTIME",
            '{"FRAME_BITES": 1}',
            "has a wrong limit: Object contains unknown field `FRAME_BITES`. "
            "docs/engine.md lists them.",
        ),
        (
            "REALTIME",
            '{"FRAME_BYTES": "many"}',
            "has a wrong limit: Expected `int`, got `str` - at `$.FRAME_BYTES`. "
            "docs/engine.md lists them.",
        ),
        (
            "REALTIME",
            '{"DATABASE_THREADS": 0}',
            "has a wrong limit: Expected `int` >= 1 - at `$.DATABASE_THREADS`. "
            "docs/engine.md lists them.",
        ),
        (
            "REALTIME",
            '{"TICKET_SECONDS": 1e300}',
            "has a wrong limit: Expected `float` <= 1000000000.0 - at `$.TICKET_SECONDS`. "
            "docs/engine.md lists them.",
        ),
        (
            "BUDGETS",
            '{"rooms": [1, 1e300]}',
            "has a wrong budget: Expected `float` <= 1000000000.0 - at `$[...][1]`. "
            "docs/limits.md lists them.",
        ),
        (
            "REALTIME",
            "[]",
            "has a wrong limit: Expected `object`, got `array`. docs/engine.md lists them.",
        ),
        ("BUDGETS", "many", 'is not a JSON object: write one such as {"rooms": [20, 3600]}.'),
        (
            "BUDGETS",
            '{"rooms": [0, 60]}',
            "has a wrong budget: Expected `int` >= 1 - at `$[...][0]`. docs/limits.md lists them.",
        ),
        (
            "BUDGETS",
            '{"rooms": [1]}',
            "has a wrong budget: Expected `array` of length 2 - at `$[...]`. "
            "docs/limits.md lists them.",
        ),
        ("LANGUAGE_CODE", "fr", "cannot be 'fr': write one of en, de."),
        ("LANGUAGE_CODE", "de-AT", "cannot be 'de-AT': write one of en, de."),
        ("FIRST_RUN_CODE", "amber", f"cannot be 'amber': {CODE}"),
        ("LOG_LEVEL", "chatty", f"cannot be 'chatty': {LEVEL}"),
        ("LOG_FORMAT", "jsn", "cannot be 'jsn': write one of json, line."),
        ("DEFAULT_FROM_EMAIL", "Site <site@>", f"cannot be 'Site <site@>': {ADDRESS}"),
        ("DEFAULT_FROM_EMAIL", "a@b.de, c@d.de", f"cannot be 'a@b.de, c@d.de': {ADDRESS}"),
        ("DEFAULT_FROM_EMAIL", "a@b.de\nTo: c@d.de", f"cannot be 'a@b.de\\nTo: c@d.de': {ADDRESS}"),
        ("PROXIES", "::1,10.0.0.1/8", f"cannot be '10.0.0.1/8': {NETWORK}"),
        ("PROXIES", "10.0.0.0/33", f"cannot be '10.0.0.0/33': {NETWORK}"),
        ("EMAIL_URL", "'smtp://mail.example.com'", QUOTES),
        ("EMAIL_URL", "smtp://", MAIL),
        ("EMAIL_URL", "smpt://mail.example.com", MAIL),
        ("EMAIL_URL", "smtp+tls://u:p#w@mail.example.com:587", MAIL),
        ("EMAIL_URL", "smtp+tls://u:12#w@mail.example.com:587", MAIL),
        ("EMAIL_URL", "smtp://mail.example.com:port", MAIL),
    ],
)
def test_a_wrong_value_is_one_line_that_names_the_variable(
    folder: Path, name: str, value: str, said: str
) -> None:
    assert faults(folder, **{name: value}) == [f"{name} {said}"]


@pytest.mark.parametrize("value", ["", "  ", None])
def test_a_secret_key_has_no_default(folder: Path, value: str | None) -> None:
    with mock.patch.dict(os.environ):
        environment = {} if value is None else {"SECRET_KEY": value}
        line, *others = faults(folder, **{"SECRET_KEY": "", **environment})
    assert line.startswith("SECRET_KEY is not set. It signs sessions and tickets")
    assert others == []


def test_all_wrong_values_are_told_together_and_no_secret_with_them(folder: Path) -> None:
    secret = "hunter2"
    lines = faults(
        folder,
        DEBUG="ture",
        WEB_CONCURRENCY="two",
        DATABASE_URL=f"mysql://site:{secret}@db/site",
        REDIS_URL=f"rediss//:{secret}@redis",
        LAYER_URL=f"redis+cor://site:{secret}@redis",
        EMAIL_URL=f"smpt://site:{secret}@mail",
        METRICS_TOKEN=f"'{secret}'",
        SENTRY_DSN=f"https://{secret}@",
    )
    names = [line.split()[0] for line in lines]
    assert names == [
        "DEBUG",
        "DATABASE_URL",
        "REDIS_URL",
        "LAYER_URL",
        "WEB_CONCURRENCY",
        "METRICS_TOKEN",
        "SENTRY_DSN",
        "EMAIL_URL",
    ]
    assert not any(secret in line for line in lines)


@pytest.mark.parametrize(
    ("name", "value", "setting", "expected"),
    [
        ("DEBUG", "", "DEBUG", False),
        ("DEBUG", "  ", "DEBUG", False),
        ("DEBUG", " On\n", "DEBUG", True),
        ("DEBUG", "0", "DEBUG", False),
        ("METRICS_TOKEN", "$ecret", "METRICS_TOKEN", "$ecret"),
        ("METRICS_TOKEN", "open sesame\n", "METRICS_TOKEN", "open sesame"),
        ("SECRET_KEY_FALLBACKS", "$old, older,", "SECRET_KEY_FALLBACKS", ["$old", "older"]),
        ("DOMAIN", "Chat.Example.com", "ALLOWED_HOSTS", ["chat.example.com"]),
        ("ALLOWED_HOSTS", "[::1], .a.example", "ALLOWED_HOSTS", ["[::1]", ".a.example"]),
        ("ALLOWED_HOSTS", "", "ALLOWED_HOSTS", [settings.HOME_DOMAIN]),
        ("CSRF_TRUSTED_ORIGINS", "http://[::1]:8", "CSRF_TRUSTED_ORIGINS", ["http://[::1]:8"]),
        (
            "CSRF_TRUSTED_ORIGINS",
            "https://A.example",
            "CSRF_TRUSTED_ORIGINS",
            ["https://a.example"],
        ),
        ("ADMIN_PATH", "", "ADMIN_PATH", "admin/"),
        ("ADMIN_PATH", "staff/only/", "ADMIN_PATH", "staff/only/"),
        ("TWO_FACTOR", "", "MFA_SUPPORTED_TYPES", ["totp", "webauthn", "recovery_codes"]),
        ("TWO_FACTOR", "false", "MFA_SUPPORTED_TYPES", []),
        ("TWO_FACTOR", "false", "TWO_FACTOR", False),
        ("ADMIN_TWO_FACTOR", "true", "ADMIN_TWO_FACTOR", True),
        ("LANGUAGE_CODE", "", "LANGUAGE_CODE", "en"),
        ("LANGUAGE_CODE", "DE", "LANGUAGE_CODE", "de"),
        ("PORT", " 8080 ", "PORT", 8080),
        ("WEB_CONCURRENCY", "", "WEB_CONCURRENCY", 1),
        ("REALTIME", '{\n"FRAME_BYTES": 9}', "REALTIME", {"FRAME_BYTES": 9}),
        ("REDIS_URL", "redis://[::1]:6379/1", "REDIS_URL", "redis://[::1]:6379/1"),
        ("REDIS_URL", "redis://[::1]:6379/1", "LAYER_URL", "redis://[::1]:6379/1"),
        ("LAYER_URL", "", "LAYER_URL", "memory://"),
        ("LAYER_URL", "postgres://db/site", "LAYER_URL", "postgres://db/site"),
        ("EMAIL_URL", "smtp+tls://u:p%23w@mail:587", "EMAIL_HOST_PASSWORD", "p#w"),
        (
            "DEFAULT_FROM_EMAIL",
            "Site <a@example.com>",
            "DEFAULT_FROM_EMAIL",
            "Site <a@example.com>",
        ),
    ],
)
def test_a_good_value_is_taken(
    folder: Path, name: str, value: str, setting: str, expected: object
) -> None:
    assert read(folder, **{name: value})[setting] == expected


def test_the_admin_cannot_require_what_is_off(folder: Path) -> None:
    assert read(folder, TWO_FACTOR="false", ADMIN_TWO_FACTOR="true")["TWO_FACTOR"] is True


def test_the_line_of_the_documentation_names_a_provider(folder: Path) -> None:
    document = (settings.BASE_DIR / "docs/accounts.md").read_text(encoding="utf-8")
    (line,) = (each for each in document.splitlines() if each.startswith("OPENID_CONNECT="))
    shared = read(folder, line)["SOCIALACCOUNT_PROVIDERS"]["openid_connect"]
    assert shared["OAUTH_PKCE_ENABLED"]
    assert shared["APPS"] == [
        {
            "provider_id": "example",
            "name": "Example",
            "client_id": "site",
            "secret": "...",
            "settings": {"server_url": "https://login.example.com"},
        }
    ]


@pytest.mark.parametrize(
    ("host", "debug"),
    [
        ("localhost:8080", "false"),
        ("127.0.0.1:8080", "false"),
        ("10.1.2.3", "false"),
        ("keycloak:8080", "false"),
        ("login.example.com", "true"),
    ],
)
def test_a_provider_near_by_may_be_asked_by_http(folder: Path, host: str, debug: str) -> None:
    example = EXAMPLE.replace("https://login.example.com", f"http://{host}")
    shared = read(folder, OPENID_CONNECT=example, DEBUG=debug)["SOCIALACCOUNT_PROVIDERS"]
    (app,) = shared["openid_connect"]["APPS"]
    assert app["settings"]["server_url"] == f"http://{host}"


def test_a_database_of_its_own_is_beside_the_project_whatever_the_folder_is_called(
    folder: Path,
) -> None:
    assert read(folder)["DATABASES"]["default"]["NAME"] == folder / "db.sqlite3"
    named = read(folder, DATABASE_URL="sqlite:///a%20b+c.sqlite3")
    assert named["DATABASES"]["default"]["NAME"] == folder / "a b+c.sqlite3"


def test_two_sites_on_one_host_have_cookies_of_their_own(folder: Path) -> None:
    one = read(folder, COOKIE_PREFIX="one", DEBUG="true")
    assert one["SESSION_COOKIE_NAME"] == "one_sessionid"
    assert one["CSRF_COOKIE_NAME"] == "one_csrftoken"
    secure = read(folder, COOKIE_PREFIX="one")
    assert secure["SESSION_COOKIE_NAME"] == "__Host-one_sessionid"
    assert secure["CSRF_COOKIE_NAME"] == "__Host-one_csrftoken"
    assert secure["SESSION_COOKIE_SECURE"] is secure["CSRF_COOKIE_SECURE"] is True


# .env


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("METRICS_TOKEN=a", "a"),
        ("export METRICS_TOKEN = a  ", "a"),
        ("METRICS_TOKEN=a # why", "a"),
        ("METRICS_TOKEN=a#b", "a#b"),
        ("METRICS_TOKEN=a'b\"c", "a'b\"c"),
        ("METRICS_TOKEN='a # b' # why", "a # b"),
        ("METRICS_TOKEN='$A'", None),
        ('METRICS_TOKEN="a\\"b$c"', 'a"b$c'),
        ("METRICS_TOKEN=$a=b", "$a=b"),
        ("METRICS_TOKEN=", ""),
        ("METRICS_TOKEN= # fill it in", ""),
        ("\ufeffMETRICS_TOKEN=a\r", "a"),
    ],
)
def test_a_line_of_the_file_is_a_variable(folder: Path, line: str, value: str | None) -> None:
    if value is None:
        assert faults(folder, line) == [f"METRICS_TOKEN {REFERENCE}"]
    else:
        assert read(folder, line)["METRICS_TOKEN"] == value


@pytest.mark.parametrize(
    "line",
    [
        "METRICS TOKEN=hunter2",
        "hunter2",
        "METRICS_TOKEN='hunter2",
        "METRICS_TOKEN='a'b'",
        "METRICS_TOKEN=hunter\x002",
    ],
)
def test_a_line_that_is_none_is_told_by_its_number(folder: Path, line: str) -> None:
    assert faults(folder, f"# Mine\n\n{line}\n") == [
        ".env has no variable in line 3: write NAME=value, the value in quotes where it has a # or "
        "a quote."
    ]


def test_a_file_that_cannot_be_read_is_told(folder: Path) -> None:
    assert read(folder)["DEBUG"] is False
    (folder / ".env").write_bytes(b"METRICS_TOKEN=\xff")
    with mock.patch.object(Path, "write_text"):
        assert faults(folder) == [".env cannot be read: it is not UTF-8. Mend it, or remove it."]
        (folder / ".env").unlink()
        (folder / ".env").mkdir()  # as Docker makes for a file that is not there
        assert faults(folder) == [".env cannot be read: Is a directory. Mend it, or remove it."]
        (folder / ".env").rmdir()
        assert read(folder)["METRICS_TOKEN"] == ""


def test_the_environment_is_before_the_file(folder: Path) -> None:
    assert read(folder, "METRICS_TOKEN=a", METRICS_TOKEN="b")["METRICS_TOKEN"] == "b"
    assert read(folder, "METRICS_TOKEN=a", METRICS_TOKEN="")["METRICS_TOKEN"] == ""


def test_a_name_that_nothing_reads_is_told_with_the_one_it_may_mean(folder: Path) -> None:
    file = "REDIS_ULR=redis://redis\nPOSTGRES_PASSWORD=a\nWEB_REPLICAS=3\nHTTPS_PORT=8443\nXYZZY=1"
    assert read(folder, f"{file}\ndebug=true")["UNKNOWN_VARIABLES"] == [
        "REDIS_ULR is in .env, and nothing reads it: is it REDIS_URL?",
        "XYZZY is in .env, and nothing reads it",
        "debug is in .env, and nothing reads it: is it DEBUG?",
    ]


def test_a_name_that_is_there_twice_is_told(folder: Path) -> None:
    settings = read(folder, "PORT=1\nDEBUG=false\nDEBUG=true")
    assert settings["DEBUG"] is True
    assert settings["UNKNOWN_VARIABLES"] == [
        "DEBUG is in .env more than once, and the last line counts"
    ]


def test_the_example_has_no_unknown_name(folder: Path) -> None:
    example = (settings.BASE_DIR / ".env.example").read_text(encoding="utf-8")
    lines = [line.removeprefix("# ") for line in example.splitlines() if "=" in line]
    needs_more = ("{{", "copy of", "nats://")  # an answer, or a package that is an extra
    plain = "\n".join(line for line in lines if not any(each in line for each in needs_more))
    unknown = read(folder, plain.replace("WEB_PUSH_SECRET=", ""))["UNKNOWN_VARIABLES"]
    assert unknown == []


# Before anything starts


@pytest.mark.parametrize(
    "command", [["manage.py", "serve"], ["manage.py", "check"], ["-c", "import config.asgi"]]
)
def test_a_program_with_wrong_variables_ends_in_their_lines(command: list[str]) -> None:
    done = subprocess.run(  # noqa: S603
        [sys.executable, *command],
        cwd=settings.BASE_DIR,
        env=os.environ
        | {"DJANGO_SETTINGS_MODULE": "config.settings", "DEBUG": "ture", "PORT": "x"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "DEBUG cannot be 'ture': write true or false.",
        "PORT cannot be 'x': write a whole number from 1 to 65535.",
    ]
