"""What a site in production runs with, written down: a change of these is meant, or a mistake."""

import json
import os
import subprocess
import sys

from django.conf import settings
from django.test import Client
from msgspec.structs import asdict

from realtime.conf import Limits

ASKED = """
import json, sys
from config.environment import Environment
Environment._variables = lambda *arguments: {}  # whatever .env says
from config import settings
print(json.dumps({name: getattr(settings, name) for name in sys.argv[1:]}))
"""
PRODUCTION = {
    "DEBUG": False,
    "SECURE_SSL_REDIRECT": True,
    "SESSION_COOKIE_SECURE": True,
    "CSRF_COOKIE_SECURE": True,
    "SECURE_HSTS_SECONDS": 31_536_000,
    "SECURE_HSTS_INCLUDE_SUBDOMAINS": True,
    "SECURE_HSTS_PRELOAD": True,
    "X_FRAME_OPTIONS": "DENY",
    "ALLOWED_HOSTS": ["chat.example.org"],
    "CSRF_TRUSTED_ORIGINS": [],
    "SECRET_KEY_FALLBACKS": [],
    "BEHIND_PROXY": False,
    "TASKS_IN_WEB": True,
    "WEB_CONCURRENCY": 1,
    "METRICS_TOKEN": "",
}


def test_production_is_safe_by_default() -> None:
    own = {"PATH", "SYSTEMROOT", "VIRTUAL_ENV", "PYTHONPATH"}
    environment = {name: value for name, value in os.environ.items() if name in own}
    environment |= {"DEBUG": "false", "SECRET_KEY": "x" * 50, "DOMAIN": "chat.example.org"}
    command = [sys.executable, "-W", "error", "-c", ASKED, *PRODUCTION]
    said = subprocess.check_output(command, cwd=settings.BASE_DIR, env=environment, text=True)  # noqa: S603
    assert json.loads(said) == PRODUCTION


def test_pages_may_load_and_run_only_what_is_the_sites_own(client: Client, db: None) -> None:
    policy = client.get("/accounts/login/").headers["Content-Security-Policy"]
    directives = dict(each.strip().split(" ", 1) for each in policy.split(";"))
    scripts = directives.pop("script-src").split()
    assert scripts[0] == "'self'"
    assert all(each.startswith("'nonce-") for each in scripts[1:])
    assert directives == {
        "default-src": "'none'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "font-src": "'self'",
        "connect-src": "'self'",
        "manifest-src": "'self'",
        "worker-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }


def test_the_limits_of_a_site_that_sets_none() -> None:
    assert asdict(Limits()) == {
        "frame_bytes": 65_536,
        "outbox_bytes": 1_048_576,
        "outbox_frames": 1_024,
        "send_seconds": 20,
        "frames_per_second": 20,
        "frames_burst": 100,
        "user_frames_per_second": 40,
        "user_frames_burst": 200,
        "flood_refusals": 100,
        "sockets_per_user": 20,
        "topics_per_socket": 100,
        "idle_seconds": 3_600,
        "handshake_seconds": 10,
        "body_bytes": 2_621_440,
        "body_seconds": 30,
        "upload_bytes": 20_971_520,
        "upload_seconds": 300,
        "heartbeat_seconds": 20,
        "check_seconds": 60,
        "ticket_seconds": 30,
        "database_threads": 4,
        "task_threads": 8,
        "task_seconds": 900,
        "task_lease_seconds": 60,
        "drain_seconds": 5,
    }
