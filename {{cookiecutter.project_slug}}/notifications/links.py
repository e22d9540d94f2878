"""Where notifications may lead: to pages, of this site or another."""

SCHEMES = ("https://", "http://")


def is_link(text: str) -> bool:
    """Whether `text` is a path on this site or the address of a page.

    Browsers read `//host` and `/\\host` as addresses of other sites, so these are no paths.
    """
    if "\\" in text or text.startswith("//"):
        return False
    return text.startswith(("/", *SCHEMES))
