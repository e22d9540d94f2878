"""Fetching web pages whose addresses people gave, as safely as `realtime.posting` posts."""

import re
from contextlib import closing
from urllib.parse import urljoin

from django.conf import settings
from urllib3 import BaseHTTPResponse

from realtime.posting import PORTS, BadAddress, Deadline, Unreachable, requesting

PAGE_SECONDS = 5
PAGE_BYTES = 524_288
REDIRECTIONS = 3
CHARSET = re.compile(r"charset\s*=\s*[\"']?([-\w]+)", re.IGNORECASE)
CHARSETS = re.compile(
    r"utf-8|iso-8859-(?:[1-9]|1[013-6])|windows-125[0-8]|koi8-[ru]|shift_jis|euc-(?:jp|kr)"
    r"|gb(?:2312|k|18030)|big5"
)
"""Python has others that are none of a page, and slow ones."""


def fetch(url: str) -> str:
    """The HTML of a page, `PAGE_BYTES` at most, to which up to `REDIRECTIONS` may lead.

    Raises:
        BadAddress: it is no address of a page, or one of them leads into a network that is not
            public.
        Unreachable: there is no page, or not within `PAGE_SECONDS`.
    """
    headers = {
        "Accept": "text/html",
        "Accept-Encoding": "identity",  # nothing has to be unpacked
        "User-Agent": f"LinkPreview/1.0 (+https://{settings.DOMAIN_NAME}/)",
    }
    with closing(Deadline(PAGE_SECONDS)) as deadline:
        for _ in range(REDIRECTIONS + 1):
            request = requesting("GET", url, headers, schemes=list(PORTS), deadline=deadline)
            with request as response:
                location = response.get_redirect_location()
                if not location:
                    return _read(response)
                url = _joined(url, location)
    raise Unreachable("it redirects too often")


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError as error:
        raise BadAddress(str(error)) from None


def _read(response: BaseHTTPResponse) -> str:
    kind = response.headers.get("Content-Type", "")
    packed = response.headers.get("Content-Encoding", "identity").lower()
    if response.status != 200 or packed != "identity" or not _is_html(kind):
        raise Unreachable(f"no page: status {response.status}, {kind or 'no type'}, {packed}")
    content = response.read(PAGE_BYTES, decode_content=False)
    said = CHARSET.search(f"{kind} {content[:1024].decode('ascii', 'replace')}")
    charset = said[1].lower() if said else ""
    return content.decode(charset if CHARSETS.fullmatch(charset) else "utf-8", "replace")


def _is_html(kind: str) -> bool:
    return kind.partition(";")[0].strip().lower() == "text/html"
