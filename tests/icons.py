"""Draws the icons of a site that is installed, static/icon-*.png, from static/icon.svg.

`pytest tests/icons.py` runs it; no other run does.
"""

import pytest
from playwright.sync_api import Browser

from tests.environment import SOURCE

STATIC = SOURCE / "static"


@pytest.mark.parametrize("size", [192, 512])
def test_draw_the_icon(browser: Browser, size: int) -> None:
    page = browser.new_page(viewport={"width": size, "height": size})
    page.goto((STATIC / "icon.svg").as_uri())
    page.screenshot(path=STATIC / f"icon-{size}.png")
