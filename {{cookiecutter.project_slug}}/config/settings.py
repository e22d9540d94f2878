"""Settings: one file, decided by the environment (see .env.example)."""

from pathlib import Path

import environ
from csp.constants import NONCE, NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from config.database import database
from operations.proxies import PRIVATE_NETWORKS
from operations.sentry import report_errors
from realtime.redis import check_url, layer_hosts

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
env.read_env(BASE_DIR / ".env")

# General ---------------------------------------------------------------------
# https://docs.djangoproject.com/en/5.2/ref/settings/

SITE_NAME = "{{ cookiecutter.project_name }}"
HOME_DOMAIN = "{{ cookiecutter.domain_name }}"
OWNER_NAME = "{{ cookiecutter.author_name }}"
OWNER_EMAIL = "{{ cookiecutter.author_email }}"

DOMAIN_NAME = env.str("DOMAIN", default=HOME_DOMAIN)
DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="")
if not SECRET_KEY:
    raise ImproperlyConfigured(
        "SECRET_KEY is not set. It signs sessions and tickets, so there is no default: "
        "copy .env.example to .env and fill it in, or set it in the environment."
    )
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
ALLOWED_HOSTS = env.list(
    "ALLOWED_HOSTS",
    default=["localhost", "127.0.0.1", "[::1]"] if DEBUG else [DOMAIN_NAME],
)
BEHIND_PROXY = env.bool("BEHIND_PROXY", default=False)
# The proxies' networks: operations.proxies reads their X-Forwarded-Proto and X-Forwarded-For into
# the ASGI scope, so that Django, allauth and sockets know the browser's scheme and address.
PROXIES = env.list("PROXIES", default=PRIVATE_NETWORKS) if BEHIND_PROXY else []
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
ADMINS = [(OWNER_NAME, OWNER_EMAIL)]

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
ASGI_SERVER = "{{ cookiecutter.asgi_server }}"
ADMIN_PATH = env.str("ADMIN_PATH", default="admin/")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Applications ----------------------------------------------------------------
# https://docs.djangoproject.com/en/5.2/ref/applications/

INSTALLED_APPS = [
    "realtime",  # first: its runserver and runworker replace others
    "daphne",
    "channels",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.forms",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.headless",
    "accounts",
    "chat",
    "notifications",
    # % if cookiecutter.web_push
    "notifications.webpush",
    # % endif
    "operations",
    "presence",
]

MIDDLEWARE = [
    "operations.requests.RequestMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "realtime.http.RefusalMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "config.pages.site",
            ],
        },
    },
]

FORM_RENDERER = "config.pages.FormRenderer"

# Database --------------------------------------------------------------------
# https://docs.djangoproject.com/en/5.2/ref/databases/

DATABASE = database(
    env.str("DATABASE_URL", default=f"sqlite:///{BASE_DIR / 'db.sqlite3'}"),
    pooler=env.bool("DATABASE_POOLER", default=False),
)
DATABASES = {"default": DATABASE}

# Real time -------------------------------------------------------------------
# docs/engine.md explains each limit; realtime/conf.py holds the defaults.

# realtime/redis.py lists its forms.
REDIS_URL = env.str("REDIS_URL", default="")
# Begins the name of every key and channel. Sites that share a Redis need different ones: databases
# of one Redis (the number in the URL) separate keys, but not channels.
REDIS_PREFIX = env.str("REDIS_PREFIX", default="")
if REDIS_URL:
    check_url(REDIS_URL)
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": layer_hosts(REDIS_URL), "prefix": f"{REDIS_PREFIX}asgi"},
        },
    }
    CACHES = {
        "default": {
            "BACKEND": "realtime.redis.Cache",
            "LOCATION": [REDIS_URL],
            "KEY_PREFIX": REDIS_PREFIX,
            "OPTIONS": {"pool_class": "realtime.redis.Pool"},
        }
    }
else:
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels.layers.InMemoryChannelLayer",
            "CONFIG": {"capacity": 10_000},
        },
    }
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
WEB_CONCURRENCY = env.int("WEB_CONCURRENCY", default=1)
REALTIME = env.json("REALTIME", default={})
# How often a person may do what others see, such as {"rooms": [20, 3600]}: see docs/limits.md.
BUDGETS = env.json("BUDGETS", default={})

# Background work -------------------------------------------------------------
# https://docs.djangoproject.com/en/6.0/topics/tasks/

TASKS = {"default": {"BACKEND": "realtime.tasks.backend.DatabaseBackend"}}
# Whether the processes that serve run tasks too; else `manage.py runworker tasks` does.
TASKS_IN_WEB = env.bool("TASKS_IN_WEB", default=True)

# People ----------------------------------------------------------------------
# https://docs.allauth.org/en/latest/account/configuration.html

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "chat:home"
LOGOUT_REDIRECT_URL = "account_login"

ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*"]
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_PRESERVE_USERNAME_CASING = False
ACCOUNT_USERNAME_VALIDATORS = "accounts.models.USERNAME_VALIDATORS"
ACCOUNT_EMAIL_VERIFICATION = "optional"
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = f"[{SITE_NAME}] "
ACCOUNT_SESSION_REMEMBER = True
# An unattended browser must not be enough to take over an account.
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
# Added to allauth's own limits, and counted in the cache. A key of `login_failed` is an account at
# an address or in a browser that knows it, of `login_failed_anywhere` an account, of `mail` a kind
# of mail to an address.
ACCOUNT_RATE_LIMITS = {
    "login_failed": "10/m/ip,5/5m/key",
    "login_failed_anywhere": "60/h/key",
    "mail": "5/h/key,10/d/key",
}
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False

# Native clients sign in under /_allauth/app/v1/ and then send X-Session-Token. Browsers have the
# session cookie and the pages under /accounts/.
# https://docs.allauth.org/en/latest/headless/
HEADLESS_CLIENTS = ["app"]

# Static files ----------------------------------------------------------------
# https://docs.djangoproject.com/en/5.2/howto/static-files/

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": (
            "django.contrib.staticfiles.storage.StaticFilesStorage"
            if DEBUG
            else "config.pages.HashedStaticFiles"
        )
    },
}

# Language and time -----------------------------------------------------------
# https://docs.djangoproject.com/en/5.2/topics/i18n/

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True

# Security --------------------------------------------------------------------
# https://docs.djangoproject.com/en/5.2/topics/security/

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "worker-src": [SELF],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=not DEBUG)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=0 if DEBUG else 31_536_000)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = not DEBUG

# Operations ------------------------------------------------------------------
# docs/operations.md

# Needed to read /metrics. Without it, where there is no proxy, private addresses may.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
if SENTRY_DSN := env.str("SENTRY_DSN", default=""):
    report_errors(SENTRY_DSN, environment=DOMAIN_NAME)

# % if cookiecutter.web_push
# Web push --------------------------------------------------------------------
# Notifications for closed browsers: notifications/webpush/. The site's key derives from the secret.

WEB_PUSH_SECRET = env.str("WEB_PUSH_SECRET", default="")
WEB_PUSH_ALLOW_PRIVATE = env.bool("WEB_PUSH_ALLOW_PRIVATE", default=False)

# % endif
# E-mail ----------------------------------------------------------------------
# https://docs.djangoproject.com/en/5.2/topics/email/

DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default=OWNER_EMAIL)
SERVER_EMAIL = DEFAULT_FROM_EMAIL
EMAIL_TIMEOUT = 10
vars().update(env.email_url("EMAIL_URL", default="consolemail://"))

# Logging ---------------------------------------------------------------------
# https://docs.djangoproject.com/en/5.2/topics/logging/

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"},
        "json": {"()": "operations.logs.JsonFormatter"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": env.str("LOG_FORMAT", default="line" if DEBUG else "json"),
        },
        "mail_admins": {
            "class": "operations.logs.OwnerMailHandler",
            "level": "CRITICAL" if DEBUG else "ERROR",
        },
    },
    "root": {"handlers": ["console", "mail_admins"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        "django": {"handlers": []},  # not its own
        "django.channels.server": {"level": "CRITICAL"},  # a second line for every request
        "channels_redis": {"level": "CRITICAL"},  # the hub logs the same in one line
        "django.tasks": {"level": "CRITICAL"},  # realtime.tasks logs each failure, once
        "django_tasks": {"level": "CRITICAL"},
        "uvicorn.error": {"level": "WARNING"},  # three lines a socket otherwise
        "daphne.server": {"level": "WARNING"},
        "daphne.http_protocol": {"level": "WARNING"},
    },
}
