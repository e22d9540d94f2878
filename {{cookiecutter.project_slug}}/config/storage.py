"""The store of what people upload, which STORAGE_URL names."""

from importlib.util import find_spec
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

Storage = dict[str, Any]  # Any: an entry of Django's STORAGES

IN_MEMORY_BYTES = 2_621_440
ANSWER_SECONDS = 10
EXAMPLE = "s3://KEY:SECRET@s3.example.com/bucket?region=eu-central-1"
# A file has one name for good, so writing it again, as a task may, gives the same.
LOCAL: Storage = {
    "BACKEND": "django.core.files.storage.FileSystemStorage",
    "OPTIONS": {"allow_overwrite": True},
}


def storage(url: str) -> Storage:
    """An entry of Django's STORAGES for an object store that speaks S3.

    Args:
        url: `s3://KEY:SECRET@host/bucket?region=...`, or `s3+http://` where it has no TLS.

    Raises:
        ValueError: `url` is not the address of a bucket, or the extra `s3` is not installed.
    """
    try:
        parts = urlsplit(url)
        address = f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname
    except ValueError:
        parts, address = urlsplit(""), None
    bucket, options = parts.path.strip("/"), dict(parse_qsl(parts.query))
    scheme = {"s3": "https", "s3+http": "http"}.get(parts.scheme)
    known = options.keys() <= {"region"} and "/" not in bucket
    if not (scheme and address and bucket and parts.username and parts.password and known):
        raise ValueError(
            f"is not the address of a bucket: write one such as {EXAMPLE}, with %2F for / and "
            "%2B for + in the secret."
        )
    if not find_spec("storages") or not find_spec("boto3"):
        raise ValueError("needs the extra s3: install it with pip install -e '.[s3]'.")
    from botocore.config import Config

    return {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "access_key": unquote(parts.username or ""),
            "secret_key": unquote(parts.password or ""),
            "bucket_name": bucket,
            "endpoint_url": f"{scheme}://{address}",
            "region_name": options.get("region"),
            "max_memory_size": IN_MEMORY_BYTES,
            "client_config": Config(
                signature_version="s3v4",
                s3={"addressing_style": "path"},
                connect_timeout=ANSWER_SECONDS,
                read_timeout=ANSWER_SECONDS,
                retries={"total_max_attempts": 2},
            ),
        },
    }
