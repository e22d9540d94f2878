"""What all pages share: the look of forms, the site's name and the names of static files."""

from django.conf import settings
from django.forms.renderers import TemplatesSetting
from django.http import HttpRequest
from whitenoise.storage import CompressedManifestStaticFilesStorage


class FormRenderer(TemplatesSetting):
    """Renders every form and field with the templates in templates/forms/."""

    form_template_name = "forms/form.html"
    field_template_name = "forms/field.html"


class HashedStaticFiles(CompressedManifestStaticFilesStorage):
    """Names files by the hash of their content, those that ES modules import included."""

    support_js_module_import_aggregation = True

    def load_manifest(self) -> tuple[dict[str, str], str]:
        """The names; none where a `collectstatic` that broke off left half of the file."""
        try:
            return super().load_manifest()  # type: ignore[no-any-return]
        except ValueError:
            return {}, ""


def site(request: HttpRequest) -> dict[str, str]:
    """A context processor: what every template may show of the site."""
    return {"site_name": settings.SITE_NAME}
