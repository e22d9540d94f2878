"""The site as an app that people install: its manifest, and its one service worker."""

import json
from base64 import b64encode
from functools import cache
from hashlib import sha256
from textwrap import shorten

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.views.decorators.cache import cache_control
from django.views.decorators.http import conditional_page, require_safe

from operations.bundle import flat

SHORT_NAME_LENGTH = 12  # what home screens have room for
SURFACE = "#ffffff"  # as in static/css/tokens.css; a manifest takes no second one for the dark
BACKGROUND = "#f5f6f8"


@require_safe
def manifest(request: HttpRequest) -> HttpResponse:
    name = settings.SITE_NAME
    icons = [{"src": static("favicon.svg"), "type": "image/svg+xml", "sizes": "any"}]
    icons += [
        {
            "src": static(f"icon-{size}.png"),
            "type": "image/png",
            "sizes": f"{size}x{size}",
            "purpose": "maskable",
        }
        for size in (192, 512)
    ]
    content = {
        "id": "/",
        "lang": settings.LANGUAGE_CODE,
        "name": name,
        "short_name": shorten(name, SHORT_NAME_LENGTH, placeholder="") or name[:SHORT_NAME_LENGTH],
        "start_url": "/",
        "scope": "/",
        "display": "standalone",
        "theme_color": SURFACE,
        "background_color": BACKGROUND,
        "icons": icons,
    }
    return JsonResponse(content, content_type="application/manifest+json")


@require_safe
@conditional_page
@cache_control(no_cache=True)
def service_worker(request: HttpRequest) -> HttpResponse:
    """The script, with the offline page in it: a browser that sees another one takes that."""
    script = _script if settings.DEBUG else _kept_script
    return HttpResponse(script(settings.SITE_NAME), "text/javascript")


def _script(site_name: str) -> str:
    """Style and script are in its page, since nothing else can be loaded when that is shown."""
    folder = settings.BASE_DIR / "static"
    sheets = {f"css/{file.name}": file.read_text("utf-8") for file in folder.glob("css/*.css")}
    style = flat("css/site.css", sheets)
    script = (folder / "js/theme.js").read_text("utf-8")
    content = {"site_name": site_name, "style": style, "script": script}
    inline = f"style-src {_hash(style)}; script-src {_hash(script)}"
    policy = f"default-src 'none'; img-src 'self'; {inline}"
    offline = {"page": render_to_string("offline.html", content), "policy": policy}
    texts = {name: json.dumps(text) for name, text in offline.items()}
    return render_to_string("service-worker.js", texts)


_kept_script = cache(_script)


def _hash(text: str) -> str:
    """A source of a content security policy: an element with just this text."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
