"""What all pages share: the look of forms, the site's name, and the page of an error."""

import sys

from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.forms.renderers import TemplatesSetting
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.views import defaults

from config.texts import texts_url
from operations.bundle import BUNDLE_NAME
from realtime.database import is_away
from realtime.http import json_refusal, marked_refused, prefers_json
from realtime.protocol import ErrorCode, Refusal


class FormRenderer(TemplatesSetting):
    """Renders every form and field with the templates in templates/forms/."""

    form_template_name = "forms/form.html"
    field_template_name = "forms/field.html"


def site(request: HttpRequest) -> dict[str, object]:
    """A context processor: what every template may show of the site."""
    collected = getattr(staticfiles_storage, "hashed_files", {})
    return {
        "site_name": settings.SITE_NAME,
        "bundle": BUNDLE_NAME if settings.BUNDLE or BUNDLE_NAME in collected else "",
        "texts_url": texts_url(),
        "shows_frames": _shows_frames(request),
    }


def _shows_frames(request: HttpRequest) -> bool:
    """Whether the page shows what its socket carries: by `?frames`, to staff and under DEBUG."""
    user = getattr(request, "user", None)
    return "frames" in request.GET and (settings.DEBUG or getattr(user, "is_staff", False))


def server_error(request: HttpRequest) -> HttpResponse:
    """`handler500`: 503, with when to try again, where the database is away; otherwise 500."""
    if not is_away(sys.exception()):
        return defaults.server_error(request)
    away = Refusal(ErrorCode.UNAVAILABLE, _("The database is away. Try again."), 5)
    if prefers_json(request):
        return json_refusal(away)
    return marked_refused(HttpResponse(render_to_string("503.html")), away)
