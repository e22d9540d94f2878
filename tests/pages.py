"""A page that runs a script of a test's own, beside the scripts of the source."""

from playwright.sync_api import Page, Route

from tests.environment import SOURCE

SITE = "http://page.test"
APPS = ("realtime", "chat")


def serve_source(page: Page, harness: str) -> None:
    """Answer for `SITE`: at its top a page that runs `harness`, below it the apps' static files."""

    def answer(route: Route) -> None:
        path = route.request.url.removeprefix(SITE)
        app = path.split("/")[1]
        if path == "/":
            body = f"<!doctype html><script type=module>{harness}</script>"
            route.fulfill(body=body, content_type="text/html")
        elif app in APPS:
            route.fulfill(path=SOURCE / app / "static" / path[1:])
        elif app == "js":
            route.fulfill(path=SOURCE / "static" / path[1:])
        else:
            route.fulfill(status=404)

    page.route(f"{SITE}/**", answer)
