"""Pictures that people send: what they are by their content, and small copies of them.

Whatever a file is called, only what Pillow reads as one of four formats is a picture: its readers
of other formats are never tried.
"""

import warnings
from contextlib import suppress
from io import BytesIO
from threading import Lock
from typing import IO, NamedTuple

from PIL import ExifTags, Image, ImageOps

FORMATS = ("GIF", "JPEG", "PNG", "WEBP")
MOST_PIXELS = 20_000_000
"""A larger picture, which may take 300 MB to unpack, is a file like any other."""
MOST_PIXELS_OF_JPEG = 100_000_000
"""A JPEG is unpacked small."""
THUMBNAIL_PIXELS = 640
QUALITY = 80
TURNED = (5, 6, 7, 8)
"""Values of the EXIF orientation by which width and height change places."""

warnings.filterwarnings("ignore", module="PIL")  # of what it puts up with

_one_at_a_time = Lock()  # or eight tasks that unpack large pictures would fill a worker's memory


class NotAPicture(Exception):
    """The content is none of `FORMATS`, is damaged, or is too large."""


class Picture(NamedTuple):
    """What the head of a picture says; its width and height are as one sees it."""

    content_type: str
    width: int
    height: int


def examine(file: IO[bytes]) -> Picture:
    """Read the head of a picture.

    Raises:
        NotAPicture
    """
    try:
        image = _opened(file)
        width, height = image.size
        with suppress(Exception):  # Pillow raises what it likes at damaged EXIF
            if image.getexif().get(ExifTags.Base.Orientation) in TURNED:
                width, height = height, width
        kind = "JPEG" if image.format == "MPO" else str(image.format)  # several JPEGs in one
        return Picture(Image.MIME[kind], width, height)
    except Exception as error:  # as above, at damaged pictures
        raise NotAPicture(str(error) or type(error).__name__) from error


def thumbnail(file: IO[bytes]) -> bytes:
    """A small copy of the first frame in WebP, turned as one sees it, and without metadata.

    Raises:
        NotAPicture
    """
    with _one_at_a_time:
        content = BytesIO(file.read())  # what the store raises is not the picture's fault
        try:
            return _reduced(_opened(content))
        except Exception as error:  # as above
            raise NotAPicture(str(error) or type(error).__name__) from error


def _reduced(image: Image.Image) -> bytes:
    box = (THUMBNAIL_PIXELS, THUMBNAIL_PIXELS)
    image.draft("RGB", box)
    if image.mode not in ("RGB", "RGBA"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    image.thumbnail(box)
    with suppress(Exception):
        image = ImageOps.exif_transpose(image)
    image.info.clear()
    written = BytesIO()
    image.save(written, "WEBP", quality=QUALITY)
    return written.getvalue()


def _opened(file: IO[bytes]) -> Image.Image:
    file.seek(0)
    image = Image.open(file, formats=FORMATS)
    most = MOST_PIXELS_OF_JPEG if image.format in ("JPEG", "MPO") else MOST_PIXELS
    if image.width * image.height > most:
        raise NotAPicture(f"It has more than {most:,} pixels.")
    return image
