"""The OpenID Connect providers that OPENID_CONNECT names."""

from typing import Annotated, Any

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


def providers(text: str) -> list[dict[str, Any]]:  # Any: as above
    """One provider, or a list of them, as allauth's APPS.

    Raises:
        ValueError: what is wrong, without the text, which has a secret in it.
    """
    try:
        read = json.decode(text, type=Provider | list[Provider])
    except MsgspecError as error:
        raise ValueError(
            f"names no provider: {error}. Write one such as {EXAMPLE}, or a list of them."
        ) from None
    apps = [each.as_app() for each in (read if isinstance(read, list) else [read])]
    if len({each["provider_id"] for each in apps}) < len(apps):
        raise ValueError("has two providers of one name: give each its own.")
    return apps
