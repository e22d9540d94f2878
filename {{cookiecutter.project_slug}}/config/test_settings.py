"""The project's own settings, changed for tests."""

import os
import tempfile
from pathlib import Path

os.environ["DEBUG"] = "false"  # test the settings of production, whatever .env says
os.environ.setdefault("SECRET_KEY", "only-for-tests-only-for-tests-only-for-tests-only-for-tests")
os.environ.setdefault("ALLOWED_HOSTS", "testserver,localhost,127.0.0.1")
os.environ["COOKIE_PREFIX"] = "test"
os.environ["LANGUAGE_CODE"] = "en"
# Other test processes use the same Redis.
os.environ["REDIS_PREFIX"] = f"test-{os.getpid()}:"

from config.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
CHECK_EVENTS = True
LINK_PREVIEWS = False  # no test asks a site of somebody else
TASKS_IN_WEB = False  # tests run tasks when they say so: realtime.tasks.worker.run_due
WHITENOISE_AUTOREFRESH = True  # no collected files to look for
SECURE_SSL_REDIRECT = False
SESSION_COOKIE_SECURE = False
CSRF_COOKIE_SECURE = False
SESSION_COOKIE_NAME = "sessionid"
CSRF_COOKIE_NAME = "csrftoken"

if DATABASE["ENGINE"] == "django.db.backends.sqlite3":
    # A file, as in production: the engine's threads have connections of their own to it.
    DATABASE["TEST"] = {"NAME": Path(tempfile.gettempdir()) / f"test-{os.getpid()}.sqlite3"}
    DATABASE["OPTIONS"]["init_command"] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"
else:  # named, or the server of a ChannelsLiveServerTestCase looks for test_test_...
    DATABASE["TEST"] = {"NAME": f"test_{DATABASE['NAME']}"}

# Apps that only the tests have.
INSTALLED_APPS = [
    *INSTALLED_APPS,
    "realtime.starting.boards",
    "realtime.starting.notices",
    "realtime.tests.taps",
]
MIGRATION_MODULES = {"taps": None}
