"""Settings: one file, decided by the environment (see .env.example)."""

from functools import partial
from pathlib import Path

from csp.constants import NONCE, NONE, SELF

from config import parsers
from config.database import database, sqlite
from config.email import email
from config.environment import Environment
from config.openid import providers
from config.storage import LOCAL, storage
from operations.proxies import PRIVATE_NETWORKS
from operations.sentry import report_errors
from realtime.conf import budgets_of, limits_of
from realtime.layers import check_layer_url, layer
from realtime.redis import check_url

# isort: split
# % if cookiecutter.mqtt
from bridges.mqtt.broker import check_url as mqtt_url

# % endif
BASE_DIR = Path(__file__).resolve().parent.parent

env = Environment(BASE_DIR / ".env")

# General ---------------------------------------------------------------------
# https://docs.djangoproject.com/en/5.2/ref/settings/

SITE_NAME = "{{ cookiecutter.__project_name }}"
SITE_SLUG = "{{ cookiecutter.project_slug }}"
HOME_DOMAIN = "{{ cookiecutter.domain_name }}"
OWNER_NAME = "{{ cookiecutter.__author_name }}"
OWNER_EMAIL = "{{ cookiecutter.author_email }}"

DOMAIN_NAME = env.read("DOMAIN", parsers.domain, default=HOME_DOMAIN).lower()
DEBUG = env.read("DEBUG", parsers.boolean, default=False)
SECRET_KEY = env.required(
    "SECRET_KEY",
    "It signs sessions and tickets, so there is no default: "
    "copy .env.example to .env and fill it in, or set it in the environment.",
)
SECRET_KEY_FALLBACKS = env.several("SECRET_KEY_FALLBACKS", default=[])
ALLOWED_HOSTS = env.several(
    "ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"] if DEBUG else [DOMAIN_NAME], parsers.host
)
BEHIND_PROXY = env.read("BEHIND_PROXY", parsers.boolean, default=False)
# The proxies' networks: operations.proxies reads their X-Forwarded-Proto and X-Forwarded-For into
# the ASGI scope, so that Django, allauth and sockets know the browser's scheme and address.
NETWORKS = env.several("PROXIES", PRIVATE_NETWORKS, parsers.network)
PROXIES = NETWORKS if BEHIND_PROXY else []
CSRF_TRUSTED_ORIGINS = [  # in lower case, as browsers send them
    each.lower() for each in env.several("CSRF_TRUSTED_ORIGINS", [], parsers.origin)
]
ADMINS = [(OWNER_NAME, OWNER_EMAIL)]

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
ASGI_SERVER = "{{ cookiecutter.asgi_server }}"
HOST = env.text("HOST", default="127.0.0.1")  # where `manage.py serve` listens
PORT = env.read("PORT", parsers.whole(1, 65_535), default=8000)
ADMIN_PATH = env.read("ADMIN_PATH", parsers.path, default="admin/")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Applications ----------------------------------------------------------------
# https://docs.djangoproject.com/en/5.2/ref/applications/

INSTALLED_APPS = [
    "realtime",  # first: its commands replace those of the same name
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
    # Also where they are not used: their rows belong to people, and go with them.
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "accounts",
    "bots",
    # % if cookiecutter.mqtt
    "bridges.mqtt",
    # % endif
    # % if cookiecutter.telegram
    "bridges.telegram",
    # % endif
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

DATABASE_POOLER = env.read("DATABASE_POOLER", parsers.boolean, default=False)
DATABASE = env.read(
    "DATABASE_URL",
    partial(database, folder=BASE_DIR, pooler=DATABASE_POOLER),
    default=sqlite(BASE_DIR / "db.sqlite3"),
)
DATABASES = {"default": DATABASE}

# Real time -------------------------------------------------------------------
# docs/engine.md explains each limit; realtime/conf.py holds the defaults.

# realtime/redis.py lists its forms.
REDIS_URL = env.read("REDIS_URL", check_url, default="")
# Begins the name of every key and channel. Sites that share a Redis need different ones: databases
# of one Redis (the number in the URL) separate keys, but not channels.
REDIS_PREFIX = env.text("REDIS_PREFIX")
if REDIS_URL:
    CACHES = {
        "default": {
            "BACKEND": "realtime.redis.Cache",
            "LOCATION": [REDIS_URL],
            "KEY_PREFIX": REDIS_PREFIX,
            "OPTIONS": {"pool_class": "realtime.redis.Pool"},
        }
    }
else:
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
# docs/layers.md lists its forms.
LAYER_URL = env.read("LAYER_URL", check_layer_url, default=REDIS_URL or "memory://")
CHANNEL_LAYERS = {"default": layer(LAYER_URL, REDIS_PREFIX)}
WEB_CONCURRENCY = env.read("WEB_CONCURRENCY", parsers.whole(1, 500), default=1)
REALTIME = env.read("REALTIME", limits_of, default={})
CHECK_EVENTS = DEBUG  # no event is sent that its consumer does not declare
# Where UPLOAD_BYTES counts instead of BODY_BYTES, wherever config/urls.py puts these pages.
UPLOAD_PATHS = r".*/rooms/[-\w]+/attachments/|.*/settings/picture/"
# How often a person may do what others see, such as {"rooms": [20, 3600]}: see docs/limits.md.
BUDGETS = env.read("BUDGETS", budgets_of, default={})

# Background work -------------------------------------------------------------
# https://docs.djangoproject.com/en/6.0/topics/tasks/

TASKS = {
    "default": {
        "BACKEND": "realtime.tasks.backend.DatabaseBackend",
        # The channel `tasks` wakes the workers of the first; others have a channel of their name.
        "QUEUES": ["default", "thumbnail.generate"],
    }
}
# Whether the processes that serve, and bridges, run tasks too; else `manage.py runworker` does.
TASKS_IN_WEB = env.read("TASKS_IN_WEB", parsers.boolean, default=True)

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
    "manage_email": "10/m/user,20/h/user",  # each new address is written to
}
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False

# docs/accounts.md
FIRST_RUN_CODE = env.read("FIRST_RUN_CODE", parsers.code, default="")
ADMIN_TWO_FACTOR = env.read("ADMIN_TWO_FACTOR", parsers.boolean, default=False)
TWO_FACTOR = env.read("TWO_FACTOR", parsers.boolean, default=True) or ADMIN_TWO_FACTOR
MFA_ADAPTER = "accounts.two_factor.TwoFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"] if TWO_FACTOR else []
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = SITE_NAME
MFA_TOTP_TOLERANCE = 1  # steps of half a minute: clocks differ, and people type slowly
SOCIALACCOUNT_ADAPTER = "accounts.openid.ProviderAdapter"
SOCIALACCOUNT_PROVIDERS = {
    "openid_connect": {
        "APPS": env.read("OPENID_CONNECT", partial(providers, deployed=not DEBUG), default=[]),
        "provider_class": "accounts.openid.TokenProvider",
        "OAUTH_PKCE_ENABLED": True,
    }
}

# Native clients sign in under /_allauth/app/v1/ and then send X-Session-Token. Browsers have the
# session cookie and the pages under /accounts/.
# https://docs.allauth.org/en/latest/headless/
HEADLESS_CLIENTS = ["app"]

# Files -----------------------------------------------------------------------
# What people upload: docs/attachments.md. It is given out by chat/files.py only, to members.

MEDIA_ROOT = BASE_DIR / "media"
STORAGE = env.read("STORAGE_URL", storage, default=LOCAL)

# Whether the site looks at pages to which messages link, and shows what they say of themselves.
LINK_PREVIEWS = env.read("LINK_PREVIEWS", parsers.boolean, default=True)

# Static files ----------------------------------------------------------------
# https://docs.djangoproject.com/en/5.2/howto/static-files/

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Whether pages get few files in the place of many with DEBUG too: see operations/bundle.py.
BUNDLE = env.read("BUNDLE", parsers.boolean, default=False) and DEBUG
STATICFILES_FINDERS = [
    *(["config.static.BundleFinder"] if BUNDLE else []),
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
]
STORAGES = {
    "default": STORAGE,
    "staticfiles": {
        "BACKEND": (
            "django.contrib.staticfiles.storage.StaticFilesStorage"
            if DEBUG
            else "config.static.HashedStaticFiles"
        )
    },
}

# Language and time -----------------------------------------------------------
# https://docs.djangoproject.com/en/5.2/topics/i18n/

# One language for everybody, so that pages, frames, mails and stored texts agree. What the sources
# say is English; of the others locale/ has catalogues: see docs/translations.md.
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LANGUAGE_CODE = env.read(
    "LANGUAGE_CODE", parsers.one_of([code for code, _ in LANGUAGES]), default="en"
)
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
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
SECURE_SSL_REDIRECT = env.read("SECURE_SSL_REDIRECT", parsers.boolean, default=not DEBUG)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT
# Sites on one host share its cookies, whatever their ports, so each site has names of its own.
# `__Host-` keeps other hosts of the domain from setting them.
COOKIE_PREFIX = env.read("COOKIE_PREFIX", parsers.word, default=SITE_SLUG)
HOST_ONLY = "__Host-" if SECURE_SSL_REDIRECT else ""
SESSION_COOKIE_NAME = f"{HOST_ONLY}{COOKIE_PREFIX}_sessionid"
CSRF_COOKIE_NAME = f"{HOST_ONLY}{COOKIE_PREFIX}_csrftoken"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
SECURE_HSTS_SECONDS = env.read(
    "SECURE_HSTS_SECONDS", parsers.whole(0, 1_000_000_000), default=0 if DEBUG else 31_536_000
)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = not DEBUG

# Operations ------------------------------------------------------------------
# docs/operations.md

# Needed to read /metrics. Without it, where there is no proxy, private addresses may.
METRICS_TOKEN = env.text("METRICS_TOKEN")
env.read("SENTRY_DSN", partial(report_errors, environment=DOMAIN_NAME), default=None)

# Bots ------------------------------------------------------------------------
# docs/bots.md

# Bots that answer: their usernames, each with the dotted path of an async generator.
ANSWERING_BOTS = env.read("ANSWERING_BOTS", parsers.paths, default={})
# Whether webhooks, pushes and link previews may go to any port and private networks, to try them.
ALLOW_PRIVATE_ADDRESSES = env.read("ALLOW_PRIVATE_ADDRESSES", parsers.boolean, default=False)

# % if cookiecutter.web_push
# Web push --------------------------------------------------------------------
# Notifications for closed browsers: notifications/webpush/. The site's key derives from the secret.

WEB_PUSH_SECRET = env.text("WEB_PUSH_SECRET")

# % endif
# % if cookiecutter.mqtt
# MQTT ------------------------------------------------------------------------
# docs/mqtt.md

MQTT_URL = env.read("MQTT_URL", mqtt_url, default="")
# Begins every topic. Sites that share a broker need different ones.
MQTT_PREFIX = env.read("MQTT_PREFIX", parsers.word, default=SITE_SLUG)

# % endif
# % if cookiecutter.telegram
# Telegram --------------------------------------------------------------------
# docs/telegram.md

TELEGRAM_TOKEN = env.text("TELEGRAM_TOKEN")
TELEGRAM_API = env.read("TELEGRAM_API", parsers.origin, default="https://api.telegram.org")

# % endif
# E-mail ----------------------------------------------------------------------
# https://docs.djangoproject.com/en/5.2/topics/email/

DEFAULT_FROM_EMAIL = env.read("DEFAULT_FROM_EMAIL", parsers.mailbox, default=OWNER_EMAIL)
SERVER_EMAIL = DEFAULT_FROM_EMAIL
EMAIL_SUBJECT_PREFIX = ACCOUNT_EMAIL_SUBJECT_PREFIX
EMAIL_TIMEOUT = 10
EMAIL_SERVER = env.read("EMAIL_URL", email, default={})
vars().update(EMAIL_SERVER or email("consolemail://"))

# Logging ---------------------------------------------------------------------
# https://docs.djangoproject.com/en/5.2/topics/logging/

DEFAULT_EXCEPTION_REPORTER_FILTER = "operations.logs.ReporterFilter"
LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "operations.logs.LineFormatter"},
        "json": {"()": "operations.logs.JsonFormatter"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": env.read(
                "LOG_FORMAT", parsers.one_of(["json", "line"]), default="line" if DEBUG else "json"
            ),
        },
        "mail_admins": {
            "class": "operations.logs.OwnerMailHandler",
            "level": "CRITICAL" if DEBUG else "ERROR",
        },
    },
    "root": {
        "handlers": ["console", "mail_admins"],
        "level": env.read("LOG_LEVEL", parsers.one_of(LEVELS), default="INFO"),
    },
    "loggers": {
        "django": {"handlers": []},  # not its own
        "django.channels.server": {"level": "CRITICAL"},  # a second line for every request
        "channels_redis": {"level": "CRITICAL"},  # the hub logs the same in one line
        "channels_valkey": {"level": "CRITICAL"},
        "channels_nats": {"level": "ERROR"},
        "django.tasks": {"level": "CRITICAL"},  # realtime.tasks logs each failure, once
        "django_tasks": {"level": "CRITICAL"},
        "urllib3": {"level": "ERROR"},  # it warns of what strangers' servers answer
        # % if cookiecutter.telegram
        "httpx": {"level": "WARNING"},  # it logs URLs, which have the bot's token in them
        "telegram": {"level": "CRITICAL"},  # tasks and the bridge log each failure, once
        # % endif
        "uvicorn.error": {"level": "WARNING"},  # three lines a socket otherwise
        "daphne.server": {"level": "WARNING"},
        "daphne.http_protocol": {"level": "WARNING"},
    },
}

env.check()
UNKNOWN_VARIABLES = env.unknown()
