"""The texts of scripts in the site's language: static/js/texts.js finds them in the page."""

from functools import cache
from hashlib import sha256

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import override
from django.views.decorators.http import require_safe
from django.views.i18n import JavaScriptCatalog

SOURCE_LANGUAGE = "en"
KEPT_SECONDS = 31_536_000


@require_safe
def texts(request: HttpRequest, version: str) -> HttpResponse:
    """The catalogue, which browsers keep: with other texts it has another address."""
    language = settings.LANGUAGE_CODE
    response = HttpResponse(catalogue(language), "text/javascript")
    # While processes of two versions serve, one is asked for what the other has.
    is_kept = version == version_of(language)
    kept = f"public, max-age={KEPT_SECONDS}, immutable"
    response["Cache-Control"] = kept if is_kept else "no-cache"
    return response


def texts_url() -> str:
    """The address of the catalogue; empty in the language of the sources, which needs none."""
    language = settings.LANGUAGE_CODE
    return "" if language == SOURCE_LANGUAGE else reverse("texts", args=[version_of(language)])


@cache
def catalogue(language: str) -> bytes:
    """A script that defines Django's `gettext` and `ngettext`, with what locale/ has for them."""
    with override(language):
        # Any app of the project would do: all of its texts are in LOCALE_PATHS, always read.
        return JavaScriptCatalog(packages=["realtime"]).get(HttpRequest()).content


@cache
def version_of(language: str) -> str:
    return sha256(catalogue(language)).hexdigest()[:12]
