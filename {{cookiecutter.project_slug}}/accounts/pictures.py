"""Pictures that people send: what they are by their content, and small copies of them.

Whatever a file is called, only what Pillow reads as one of four formats is a picture: its readers
of other formats are never tried.
"""

import re
import warnings
from collections.abc import Callable
from contextlib import suppress
from io import SEEK_CUR, BytesIO
from threading import Lock
from typing import IO, NamedTuple

from PIL import ExifTags, Image, ImageOps, PngImagePlugin
from PIL.JpegImagePlugin import JpegImageFile, jpeg_factory

MOST_PIXELS = 20_000_000
"""A larger picture, which may take 300 MB to unpack, is a file like any other."""
MOST_PIXELS_OF_JPEG = 100_000_000
"""A JPEG is unpacked small, unless it has several scans, as a progressive one has."""
MOST_HEAD_BYTES = 1_048_576
"""What comes before the pixels is read at an upload, and kept in many small objects."""
MOST_SCANS = 64
"""Each goes over the whole picture, even one of a few bytes."""
THUMBNAIL_PIXELS = 640
PORTRAIT_PIXELS = 256
QUALITY = 80
TURNED = (5, 6, 7, 8)
"""Values of the EXIF orientation by which width and height change places."""

SCAN = re.compile(rb"\xff\xda\x00[\x08\x0a\x0c\x0e][\x01-\x04]")
BEFORE_ONE_SCAN = re.compile(rb"\xff[\xc0\xc1\xc4\xdb\xdd\xe0-\xef\xfe]")
"""The markers of a sequential JPEG before its first scan."""

warnings.filterwarnings("ignore", module="PIL")  # of what it puts up with
Image.MAX_IMAGE_PIXELS = MOST_PIXELS // 2  # it refuses twice as many, before it reserves memory
PngImagePlugin.MAX_TEXT_MEMORY = MOST_HEAD_BYTES

_one_at_a_time = Lock()  # or eight tasks that unpack large pictures would fill a worker's memory


Shape = Callable[[Image.Image, tuple[int, int]], Image.Image]


class NotAPicture(Exception):
    """The content is of no format of ours, is damaged, or is too large."""


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
        file.seek(0)
        head = file.read(MOST_HEAD_BYTES)
        image = _opened(file if head.startswith(b"RIFF") else BytesIO(head))  # WebP wants all
        width, height = image.size
        with suppress(Exception):  # Pillow raises what it likes at damaged EXIF
            exif = Image.Image.getexif(image)  # a PNG's own unpacks it
            if exif.get(ExifTags.Base.Orientation) in TURNED:
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
    return _copy(file, THUMBNAIL_PIXELS, _shrunk)


def portrait(file: IO[bytes]) -> bytes:
    """A copy like a thumbnail, of the largest square in the middle of the picture.

    Raises:
        NotAPicture
    """
    return _copy(file, PORTRAIT_PIXELS, ImageOps.fit)


def _copy(file: IO[bytes], pixels: int, shaped: Shape) -> bytes:
    with _one_at_a_time:
        file.seek(0)
        content = file.read()  # what the store raises is not the picture's fault
        try:
            if sum(1 for _ in SCAN.finditer(content)) > MOST_SCANS:
                raise NotAPicture(f"It has more than {MOST_SCANS} scans.")
            return _reduced(_opened(BytesIO(content)), (pixels, pixels), shaped)
        except Exception as error:  # as above
            raise NotAPicture(str(error) or type(error).__name__) from error


def _shrunk(image: Image.Image, box: tuple[int, int]) -> Image.Image:
    image.thumbnail(box)
    return image


def _reduced(image: Image.Image, box: tuple[int, int], shaped: Shape) -> bytes:
    image.draft("RGB", box)
    _check_size(image, MOST_PIXELS)  # a strip is not unpacked small
    if image.mode not in ("RGB", "RGBA"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    image = shaped(image, box)
    with suppress(Exception):
        image = ImageOps.exif_transpose(image)
    image.info.clear()
    written = BytesIO()
    image.save(written, "WEBP", quality=QUALITY)
    return written.getvalue()


def _opened(file: IO[bytes]) -> Image.Image:
    file.seek(0)
    is_jpeg = file.read(3) == b"\xff\xd8\xff"
    file.seek(0)
    if not is_jpeg:
        return Image.open(file, formats=("GIF", "PNG", "WEBP"))
    image = jpeg_factory(file)
    _check_size(image, MOST_PIXELS_OF_JPEG if _has_one_scan(file, image) else MOST_PIXELS)
    return image


def _check_size(image: Image.Image, most: int) -> None:
    if image.width * image.height > most:
        raise NotAPicture(f"It has more than {most:,} pixels.")


def _has_one_scan(file: IO[bytes], image: JpegImageFile) -> bool:
    """Whether the first scan is of all components, so that nothing is kept for a next one."""
    file.seek(2)
    while BEFORE_ONE_SCAN.match(head := file.read(4)):
        file.seek(int.from_bytes(head[2:]) - 2, SEEK_CUR)
    components = image.layers
    return head + file.read(1) == bytes([0xFF, 0xDA, 0, 6 + 2 * components, components])
