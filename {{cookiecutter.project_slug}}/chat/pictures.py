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
MOST_PIXELS = 50_000_000
"""A larger picture, of 200 MB when it is unpacked, is a file like any other."""
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


def thumbnail(content: bytes) -> bytes:
    """A small copy of the first frame in WebP, turned as one sees it, and without metadata.

    Raises:
        NotAPicture
    """
    box = (THUMBNAIL_PIXELS, THUMBNAIL_PIXELS)
    try:
        with _one_at_a_time, _opened(BytesIO(content)) as image:
            image.draft("RGB", box)  # a JPEG need not be unpacked in full
            small = image.convert("RGBA" if image.has_transparency_data else "RGB")
        small.thumbnail(box)
        with suppress(Exception):
            small = ImageOps.exif_transpose(small)
        small.info.clear()
        written = BytesIO()
        small.save(written, "WEBP", quality=QUALITY)
    except Exception as error:  # as above
        raise NotAPicture(str(error) or type(error).__name__) from error
    return written.getvalue()


def _opened(file: IO[bytes]) -> Image.Image:
    file.seek(0)
    image = Image.open(file, formats=FORMATS)
    if image.width * image.height > MOST_PIXELS:
        raise NotAPicture(f"It has more than {MOST_PIXELS:,} pixels.")
    return image
