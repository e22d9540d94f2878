"""The site as an app in Chromium: it can be installed, and says so when it cannot be reached."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import Bake, Prepare
from tests.people import PASSWORD
from tests.projects import Server, served

GENERAL = "/rooms/general/"

UPDATED = """async () => {
  const { promise, resolve } = Promise.withResolvers();
  navigator.serviceWorker.addEventListener("controllerchange", resolve);
  await (await navigator.serviceWorker.ready).update();
  await promise;
}"""


@pytest.fixture(scope="module", params=[False, True], ids=["alone", "with web push"])
def site(
    request: pytest.FixtureRequest, bake: Bake, prepare: Prepare, python: Path, redis_url: str
) -> Iterator[Server]:
    project = bake(web_push=request.param)
    surroundings = served(REDIS_URL=redis_url)
    prepare(project, "seed_demo --force", **surroundings)
    with Server(python, project, surroundings) as server:
        yield server


@pytest.fixture
def server(site: Server) -> Server:
    """It runs, whatever became of it in the test before."""
    if not site.responds():
        site.start()
    return site


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    """Ada's, at the rooms, in the hands of the service worker."""
    context = browser.new_context(base_url=server.url, color_scheme="dark")
    page = context.new_page()
    page.goto("/accounts/login/")
    page.locator("[name=login]").fill("ada")
    page.locator("[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("/")
    page.evaluate("navigator.serviceWorker.ready")
    page.wait_for_function("() => navigator.serviceWorker.controller")
    yield page
    context.close()


def test_the_site_can_be_installed(page: Page) -> None:
    chromium = page.context.new_cdp_session(page)

    manifest = chromium.send("Page.getAppManifest")
    faults = chromium.send("Page.getInstallabilityErrors")

    assert manifest["url"].endswith("/manifest.webmanifest")
    assert manifest["errors"] == []
    # Playwright's contexts are incognito windows, where nothing can be installed.
    assert [each["errorId"] for each in faults["installabilityErrors"]] in ([], ["in-incognito"])


def test_a_site_that_is_down_says_so_until_it_is_back(page: Page, server: Server) -> None:
    page.goto(GENERAL)
    box = page.get_by_role("textbox", name="Message")
    box.fill("Half a thought")
    server.kill()

    page.goto(GENERAL)

    expect(page).to_have_title("Not reachable")
    expect(page.get_by_role("heading", level=1)).to_have_text("Parlour cannot be reached")
    assert "ada" not in page.inner_text("body").lower()
    background = "getComputedStyle(document.documentElement).backgroundColor"
    assert page.evaluate(background) == "rgb(16, 18, 23)"
    page.evaluate("localStorage.setItem('theme', 'light')")
    page.get_by_role("link", name="Try again").click()
    page.wait_for_function(f"() => {background} === 'rgb(245, 246, 248)'")
    server.start()
    page.get_by_role("link", name="Try again").click()
    expect(box).to_have_value("Half a thought")


def test_a_browser_keeps_no_pages(page: Page) -> None:
    page.goto(GENERAL)

    assert page.evaluate("caches.keys()") == []
    registrations = "navigator.serviceWorker.getRegistrations().then((all) => all.length)"
    assert page.evaluate(registrations) == 1


class Gateway(BaseHTTPRequestHandler):
    """A proxy whose site is away."""

    def do_GET(self) -> None:
        self.send_error(502)

    def log_message(self, *_: object) -> None:
        """Quietly."""


def test_a_proxy_that_does_not_reach_the_site_is_not_shown(page: Page, server: Server) -> None:
    server.kill()
    with ThreadingHTTPServer(("127.0.0.1", server.port), Gateway) as gateway:
        Thread(target=gateway.serve_forever, daemon=True).start()
        page.goto(GENERAL)
        gateway.shutdown()

    expect(page.get_by_role("heading", level=1)).to_have_text("Parlour cannot be reached")


def test_a_new_version_of_the_service_worker_takes_over(page: Page, server: Server) -> None:
    template = server.project / "templates/offline.html"
    text = template.read_text()
    try:
        template.write_text(text.replace("cannot be reached", "is out"))
        server.stop()
        server.start()
        page.evaluate(UPDATED)
        server.kill()
        page.goto(GENERAL)
        expect(page.get_by_role("heading", level=1)).to_have_text("Parlour is out")
    finally:
        template.write_text(text)
