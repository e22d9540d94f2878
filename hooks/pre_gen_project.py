"""Check every answer before a file is written: one line for each fault, and then no bake."""

import json
import keyword
import os
import re
import shlex
import subprocess
import sys
import unicodedata
from contextlib import suppress
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036
    sys.exit(
        f"Cookiecutter runs on Python 3.{sys.version_info[1]} here, and the project needs 3.11 or "
        "later: install Cookiecutter for one, or use uvx --python 3.13 cookiecutter"
    )

# JSON is ASCII here and never holds three quotes in a row: no answer can end the literal.
ANSWERS = json.loads(r"""{{ cookiecutter | tojson }}""")
# cookiecutter.json puts a slug aside that is not the name of one folder.
ANSWERS["project_slug"] = ANSWERS.pop("_refused_slug", ANSWERS["project_slug"])

SOURCE = "{% raw %}{{cookiecutter.project_slug}}{% endraw %}"
CACHED = re.compile("_cache(__)?/")  # beside code that was run

COLUMNS = {
    "project_name": 80,
    "author_name": 80,
    "author_email": 80,
    "domain_name": 80,
    "description": 200,
}
SLUG_CHARACTERS = 50
CHOICES = {
    "license": ["MIT", "BSD-3-Clause", "Apache-2.0", "AGPL-3.0-or-later", "Proprietary"],
    "asgi_server": ["daphne", "uvicorn"],
    "ci": ["github", "gitlab", "none"],
}
YES_OR_NO = ["web_push", "telegram", "mqtt", "kubernetes"]

OWN_NAMES = set(
    """
    accounts bots bridges chat clients config conftest deploy docs licenses locale manage media
    notifications operations presence realtime static staticfiles templates test tests
    """.split()
)
# What pip installs for a bake, by import name and by package name: a project that is called like a
# package that it needs cannot be installed.
DEPENDENCIES = set(
    """
    aiohappyeyeballs aiohttp aiosignal allauth anyio asgiref ast_serialize async_timeout attr attrs
    autobahn automat boto3 botocore cbor2 certifi cffi channels channels_nats channels_redis
    channels_valkey charset_normalizer click colorama constantly cryptography csp cssbeautifier
    daphne dateutil django django_allauth django_csp django_environ django_storages django_stubs
    django_stubs_ext django_tasks djlint dotenv editorconfig environ execnet frozenlist grimp h11
    hiredis http_ece httpcore httptools httpx hyperlink hypothesis idna import_linter importlinter
    incremental iniconfig jmespath jsbeautifier json5 jwt librt markdown_it markdown_it_py mdurl
    msgpack msgspec multidict mypy mypy_django_plugin mypy_extensions mypyc nats nats_py openssl
    packaging paho paho_mqtt pathspec pil pillow pip pkg_resources pluggy prometheus_client
    propcache psycopg psycopg_binary py py_vapid pycparser pygments pyjwt pyopenssl pytest
    pytest_asyncio pytest_django pytest_xdist python_dateutil python_dotenv python_telegram_bot
    pywebpush pyyaml redis regex requests rich ruff s3transfer sentry_sdk service_identity
    setuptools six sortedcontainers sqlparse storages telegram twisted txaio types_pygments
    types_pyyaml typing_extensions tzdata ujson urllib3 uv uvicorn uvloop valkey websockets wheel
    whitenoise xdist yaml yarl zope zope_interface
    """.split()
)
# Standard modules of one Python from 3.11 on that another does not have.
STANDARD_ELSEWHERE = set(
    """
    aifc annotationlib asynchat asyncore audioop cgi cgitb chunk compression concurrent crypt
    distutils imghdr imp lib2to3 mailcap msilib nis nntplib ossaudiodev pipes smtpd sndhdr spwd
    sunau telnetlib uu xdrlib
    """.split()
)
WINDOWS_DEVICE = re.compile(r"(aux|con|nul|prn|com\d|lpt\d)")
# Characters that turn the direction of the text after them, and so hide what it says.
BIDIRECTIONAL = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

SLUG = re.compile(r"[a-z](_{0,2}[a-z0-9])*")  # of images too: no three underscores in a row
LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
DOMAIN = re.compile(rf"({LABEL}\.)+(?!\d+$){LABEL}|localhost")
MAILBOX = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`|~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`|~-]+)*")


def main() -> int:
    found = {name: fault for name, fault in faults().items() if fault}
    lines = [f"{name}: {shown(ANSWERS[name])} {fault}" for name, fault in found.items()]
    if not found and would_lose_files():
        lines = [
            f"{ANSWERS['project_slug']}/ has files that git does not keep, and this would "
            "overwrite some; commit them, or move the folder away"
        ]
    if lines:
        kept = [name for name in ANSWERS if not name.startswith("_") and name not in found]
        lines += ["", "This asks again and keeps the other answers:", "", command(kept)]
        with suppress(OSError):  # nobody reads
            os.write(2, "".join(f"{line}\n" for line in lines).encode(errors="replace"))
    return 1 if lines else 0


def faults() -> dict[str, str | None]:
    checks = {
        "project_name": text_fault,
        "project_slug": slug_fault,
        "description": text_fault,
        "author_name": text_fault,
        "author_email": email_fault,
        "domain_name": domain_fault,
    }
    found = {name: check(str(ANSWERS[name])) for name, check in checks.items()}
    for name, most in COLUMNS.items():
        found[name] = found[name] or length_fault(str(ANSWERS[name]), most)
    for name, choices in CHOICES.items():
        found[name] = choice_fault(ANSWERS[name], choices)
    for name in YES_OR_NO:
        found[name] = None if isinstance(ANSWERS[name], bool) else "is neither yes nor no"
    return found


def would_lose_files() -> bool:
    """Whether the project's folder was there before, with files that git could not bring back."""
    if all(path.name == ".git" for path in Path().iterdir()):
        return False
    changes = git("status", "--porcelain", "--untracked-files", ".")
    ignored = git("ls-files", "--others", "--ignored", "--exclude-standard", "-z").split("\0")
    baked = Path(os.environ.get("PWD", ""), ANSWERS.get("_repo_dir", ANSWERS["_template"]), SOURCE)
    lost = any((baked / name).is_file() for name in ignored if not CACHED.search(name))
    return bool(changes) or lost or not git("ls-files")


def git(*arguments: str) -> str:
    """What git prints about the folder; nothing where it fails or there is none."""
    # Inside a git hook these point at the repository that the hook runs for.
    elsewhere = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"}
    kept = {name: value for name, value in os.environ.items() if name not in elsewhere}
    with suppress(OSError):
        return subprocess.run(
            ["git", *arguments], env=kept, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ).stdout.decode()
    return ""


def command(kept: list[str]) -> str:
    """What a shell takes to ask again, with these answers where there were defaults."""
    answers = {name: given(ANSWERS[name]) for name in kept}
    folder = str(Path.cwd().parent)
    words = [ANSWERS["_template"]]
    if ANSWERS.get("_checkout"):
        words += ["--checkout", ANSWERS["_checkout"]]
    if folder != os.environ.get("PWD"):
        words += ["--output-dir", folder]
    if any(Path().iterdir()):
        words += ["--overwrite-if-exists"]
    if "_output_dir" not in ANSWERS:
        return shlex.join(["cruft", "create", *words, "--extra-context", json.dumps(answers)])
    return shlex.join(["cookiecutter", *words, *map("=".join, answers.items())])


def given(answer: str | bool) -> str:
    """An answer as text that Cookiecutter renders to it."""
    if isinstance(answer, bool):
        return "yes" if answer else "no"
    if answer.startswith("# %"):  # a condition, in this template
        return "{" * 2 + json.dumps(answer) + "}" * 2
    return answer


def slug_fault(slug: str) -> str | None:
    if not SLUG.fullmatch(slug) or len(slug) > SLUG_CHARACTERS:
        return (
            "is not a Python name in lower case; give letters a to z, digits and underscores, a "
            "letter first, no underscore last, no three in a row, "
            f"{SLUG_CHARACTERS} at most, such as my_site"
        )
    for names, what in (
        (set(keyword.kwlist), "a word of the Python language"),
        (OWN_NAMES, "a name that the project uses itself"),
        (DEPENDENCIES, "a package that the project needs"),
        (sys.stdlib_module_names | STANDARD_ELSEWHERE, "a module of Python's standard library"),
    ):
        if slug in names:
            return f"is {what}; give another name, such as {slug}_site"
    if WINDOWS_DEVICE.fullmatch(slug):
        return f"cannot name a folder on Windows; give another name, such as {slug}_site"
    return None


def text_fault(text: str) -> str | None:
    if not text.strip():
        return "is empty; give some text"
    if text != text.strip():
        return "begins or ends with a space; leave it out"
    if bad := {character for character in text if unusable(character)}:
        names = ", ".join(sorted(character_name(character) for character in bad))
        return f"has characters that cannot stand in the project's files ({names}); leave them out"
    if mark := re.search(r"\{[#%\{]|[#%\}]\}", text):
        return f"has {mark.group()}, which is template code; leave it out"
    return None


def email_fault(address: str) -> str | None:
    mailbox, _, domain = address.rpartition("@")
    if MAILBOX.fullmatch(mailbox) and DOMAIN.fullmatch(domain.lower()) and "." in domain:
        return None
    return "is not an e-mail address; give one such as ada@example.com"


def domain_fault(domain: str) -> str | None:
    if DOMAIN.fullmatch(domain):
        return None
    return f"is not a domain name; give one such as {better_domain(domain) or 'chat.example.com'}"


def better_domain(given: str) -> str | None:
    """The domain that a URL, an upper-case or a non-ASCII domain most likely means."""
    host = re.sub(r"^[a-z]+://|[:/].*$", "", given.strip().lower())
    try:
        host = host.encode("idna").decode()
    except UnicodeError:
        return None
    return host if DOMAIN.fullmatch(host) else None


def length_fault(text: str, most: int) -> str | None:
    columns = sum(2 if unicodedata.east_asian_width(character) in "FW" else 1 for character in text)
    return f"is {columns} characters wide; give {most} at most" if columns > most else None


def choice_fault(answer: object, choices: list[str]) -> str | None:
    return None if answer in choices else f"is not a choice; give one of {', '.join(choices)}"


def unusable(character: str) -> bool:
    control = unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}
    return control or character == "\\" or character in BIDIRECTIONAL


def character_name(character: str) -> str:
    ordinary = {"\\": "backslash", "\n": "line break", "\t": "tab"}
    return ordinary.get(character, f"U+{ord(character):04X}")


def shown(answer: object) -> str:
    text = json.dumps(answer, ensure_ascii=not str(answer).isprintable())
    return text if len(text) <= 80 else f'{text[:76]}..."'


sys.exit(main())
