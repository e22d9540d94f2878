"""Static files as pages get them: few in the place of many, and named by their content."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.base import ContentFile
from django.core.files.storage import InMemoryStorage
from whitenoise.storage import CompressedManifestStaticFilesStorage

from operations.bundle import BUNDLE_NAME, bundled, flat
from operations.checks import static_files

Paths = Mapping[str, tuple[Any, str]]  # Any: the storage that a file is in, and its path there
PACKAGES = {"site-packages", "dist-packages"}


class HashedStaticFiles(CompressedManifestStaticFilesStorage):
    """Names what operations/bundle.py makes of files by the hash of its content.

    Files without a hash in their name stay what they are in the source.
    """

    support_js_module_import_aggregation = True

    def post_process(self, paths: Paths, dry_run: bool = False, **options: Any) -> Iterator[Any]:
        if dry_run:
            return
        places = {self.clean_name(name): place for name, place in paths.items()}
        texts, made = _made_of(places), InMemoryStorage()
        for name, text in texts.items():
            made.save(name, ContentFile(text))
            places[name] = (made, name)
        self.delete(BUNDLE_NAME)
        self.save(BUNDLE_NAME, ContentFile(texts[BUNDLE_NAME]))
        yield from super().post_process(places, **options)

    def load_manifest(self) -> tuple[dict[str, str], str]:
        """The names; none where a `collectstatic` that broke off left half of the file."""
        try:
            return super().load_manifest()  # type: ignore[no-any-return]
        except ValueError:
            return {}, ""


class BundleFinder(BaseFinder):
    """Finds, in development, what `collectstatic` would make of the files as they are now."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self._folder = TemporaryDirectory()

    def find(self, path: str, find_all: bool = False, **_: Any) -> Any:
        texts = _made_of({name: (storage, name) for name, storage in static_files().items()})
        if path not in texts:
            return []
        file = Path(self._folder.name, path)
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists() or file.read_text("utf-8") != texts[path]:
            file.write_text(texts[path], "utf-8")
        return [str(file)] if find_all else str(file)

    def list(self, ignore_patterns: Any) -> list[Any]:
        return []


def _made_of(paths: Paths) -> dict[str, str]:
    """What takes the place of the project's own scripts and style sheets; packages keep theirs."""
    texts = {
        name: Path(storage.path(path)).read_text("utf-8")
        for name, (storage, path) in paths.items()
        if name.endswith((".css", ".js")) and PACKAGES.isdisjoint(Path(storage.location).parts)
    }
    scripts = {name: text for name, text in texts.items() if name.endswith(".js")}
    return bundled(scripts) | {name: flat(name, texts) for name in texts.keys() - scripts.keys()}
