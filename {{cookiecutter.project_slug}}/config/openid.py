"""The OpenID Connect providers that OPENID_CONNECT names."""

from ipaddress import ip_address
from typing import Annotated, Any
from urllib.parse import urlsplit

from django.utils.text import slugify
from msgspec import Meta, MsgspecError, Struct, json

EXAMPLE = (
    '{"name": "Example", "server_url": "https://login.example.com", "client_id": "...", '
    '"client_secret": "..."}'
)

Name = Annotated[str, Meta(pattern=r"[a-zA-Z0-9]")]  # its letters make an identifier
Word = Annotated[str, Meta(min_length=1)]
Address = Annotated[str, Meta(pattern=r"^https?://[\w.-]+(:\d+)?(/\S*)?$")]


class Provider(Struct, forbid_unknown_fields=True):
    name: Name
    server_url: Address
    client_id: Word
    client_secret: str = ""

    def as_app(self) -> dict[str, Any]:  # Any: an entry of SOCIALACCOUNT_PROVIDERS
        return {
            "provider_id": slugify(self.name),
            "name": self.name,
            "client_id": self.client_id,
            "secret": self.client_secret,
            "settings": {"server_url": self.server_url.rstrip("/")},
        }


def providers(text: str, deployed: bool = True) -> list[dict[str, Any]]:  # Any: as above
    """One provider, or a list of them, as allauth's APPS.

    Args:
        deployed: whether providers on the internet must be asked by https.

    Raises:
        ValueError: what is wrong, without the text, which has a secret in it.
    """
    try:
        read = json.decode(text, type=Provider | list[Provider])
    except MsgspecError as error:
        raise ValueError(
            f"names no provider: {error}. Write one such as {EXAMPLE}, or a list of them."
        ) from None
    read = read if isinstance(read, list) else [read]
    for each in read:
        url = urlsplit(each.server_url)
        if deployed and url.scheme == "http" and not _is_private(url.hostname or ""):
            raise ValueError(
                f"asks {url.hostname} by http, so that others on the way can sign in as anybody: "
                "write https."
            )
    apps = [each.as_app() for each in read]
    if len({each["provider_id"] for each in apps}) < len(apps):
        raise ValueError("has two providers of one name: give each its own.")
    return apps


def _is_private(host: str) -> bool:
    """Whether a host is this one, an address of a private network, or a name of one."""
    try:
        return ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith((".localhost", ".local", ".internal"))
