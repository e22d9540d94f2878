"""A person at a browser: what they do, what they see, and what their console complains of."""

from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Locator,
    Page,
    StorageState,
    ViewportSize,
    WebSocketRoute,
    expect,
)

from tests.projects import Server

PASSWORD = "demo-demo-demo"
PHONE: ViewportSize = {"width": 390, "height": 844}
DESK: ViewportSize = {"width": 1280, "height": 800}
PATIENCE_MS = 30_000
OVER_HTTP = "**/api/realtime/frames*"

expect.set_options(timeout=PATIENCE_MS)


class Person:
    """One of the demo people, signed in, in a browser profile of their own.

    Their cookies go into `sessions`, where whoever comes later under the same name finds them: the
    password need not be hashed again.
    """

    def __init__(
        self,
        browser: Browser,
        server: Server,
        username: str,
        sessions: dict[str, StorageState],
        *,
        phone: bool = False,
        url: str = "",
    ) -> None:
        self.username = username
        self.sessions = sessions
        self.complaints: list[str] = []
        self.losses_expected = url != ""
        self.refusals_expected = False
        self._cut_off = False
        self.sockets: list[WebSocketRoute] = []
        self.context = browser.new_context(
            base_url=url or server.url,
            viewport=PHONE if phone else DESK,
            has_touch=phone,
            storage_state=sessions.get(username),
        )
        self.context.set_default_timeout(PATIENCE_MS)
        self.context.on("console", self._logged)
        self.context.on("weberror", lambda failure: self.complaints.append(str(failure.error)))
        self.context.route_web_socket("**/ws/", self._connect)
        self.page = self.context.new_page()
        if username in sessions:
            self.page.goto("/")
        else:
            self.sign_in(username)
            sessions[username] = self.context.storage_state()

    # What they do

    @property
    def cut_off(self) -> bool:
        """Whether nothing live reaches the page: neither WebSockets nor, in their place, HTTP."""
        return self._cut_off

    @cut_off.setter
    def cut_off(self, cut_off: bool) -> None:
        self._cut_off = cut_off
        if cut_off:
            self.losses_expected = True
            self.context.route(OVER_HTTP, lambda route: route.abort())
        else:
            self.context.unroute(OVER_HTTP)

    def sign_in(self, username: str) -> None:
        self.page.goto("/accounts/login/")
        self.page.locator("[name=login]").fill(username)
        self.page.locator("[name=password]").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url("/")

    def sign_out(self) -> None:
        self.sessions.pop(self.username, None)
        self.page.goto("/")
        self.page.get_by_role("button", name="Your account").click()
        self.page.get_by_role("button", name="Sign out").click()
        expect(self.page.get_by_role("button", name="Sign in")).to_be_visible()

    def make_room(self, name: str) -> str:
        """Make a public room and be in it; returns its path."""
        self.page.goto("/rooms/new/")
        self.page.get_by_label("Name").fill(name)
        self.page.get_by_role("button", name="Make the room").click()
        expect(self.box).to_be_visible()
        self.comes_in()
        path: str = self.page.evaluate("location.pathname")
        return path

    def enter(self, room: str) -> None:
        """Open a room, and join it if need be."""
        self.page.goto(room)
        join = self.page.get_by_role("button", name="Join the room")
        if join.is_visible():
            join.click()
        expect(self.box).to_be_visible()
        self.comes_in()

    def read_in_another_tab(self, room: str) -> None:
        tab = self.context.new_page()
        tab.goto(room)
        expect(tab.locator("[data-state=joined]")).to_be_visible()

    def comes_in(self) -> None:
        """Wait until the room is there and live."""
        expect(self.page.locator("[data-state=joined]")).to_be_visible()

    def say(self, *lines: str) -> None:
        for line in lines:
            self.box.fill(line)
            self.box.press("Enter")

    def lose_the_connection(self) -> None:
        """The network goes, as far as the page can tell.

        Chromium spares open sockets when it plays being offline, so they are cut too.
        """
        self.cut_off = True
        self.context.set_offline(True)
        for end in self.sockets:
            end.close(code=1012)
        self.sockets.clear()
        expect(self.page.get_by_text("Connection lost.")).to_be_visible()

    def find_the_connection(self) -> None:
        self.cut_off = False
        self.context.set_offline(False)
        expect(self.page.get_by_text("Connection lost.")).to_be_hidden()

    def turn_to_something_else(self) -> None:
        """The page is hidden, as far as it can tell: without windows Chromium hides none."""
        self._show("Object.defineProperty(document, 'visibilityState', HIDDEN)")

    def come_back(self) -> None:
        self._show("delete document.visibilityState")

    def appear_offline(self, hidden: bool) -> None:
        self.page.get_by_role("button", name="Your account").click()
        self.page.get_by_label("Appear offline").set_checked(hidden)
        self.page.keyboard.press("Escape")

    # What they see

    def dot_of(self, username: str) -> Locator:
        """What shows in the list of the room's people whether somebody is here."""
        return self.page.locator(f"[data-username={username}] [data-presence-user]")

    def note_changes(self, dot: Locator) -> None:
        """Begin to write down each change of a dot."""
        dot.evaluate(
            "dot => new MutationObserver(() => (dot.changes ??= []).push(dot.dataset.presence))"
            ".observe(dot, {attributeFilter: ['data-presence']})"
        )

    def noted_changes(self, dot: Locator) -> list[str]:
        changes: list[str] = dot.evaluate("dot => dot.changes ?? []")
        return changes

    def item_of(self, room: str) -> Locator:
        """A room's line in the list of rooms."""
        return self.page.get_by_label("Your rooms").locator(f"a[href='{room}']")

    def is_read(self, room: str) -> None:
        """Wait until nothing of a room is unread, as another tab hears of it."""
        tab = self.context.new_page()
        tab.goto("/")
        item = tab.locator(f"a[href='{room}']")
        expect(item).to_be_visible()
        expect(item.get_by_role("img")).to_be_hidden()
        tab.close()

    @property
    def box(self) -> Locator:
        return self.page.get_by_label("Write a message")

    @property
    def said(self) -> Locator:
        """The words of each message in the room, in their order."""
        return self.page.locator("[data-seq] [data-part=body]")

    @property
    def waiting(self) -> Locator:
        """The words of each message that is not yet in the room."""
        return self.page.get_by_label("Waiting to be sent").locator("[data-part=body]")

    def message(self, words: str) -> Locator:
        body = self.page.locator("[data-part=body]", has_text=words)
        return self.page.locator("[data-seq]").filter(has=body)

    # Inside

    def _show(self, change: str) -> None:
        self.page.evaluate(
            "const HIDDEN = {value: 'hidden', configurable: true};"
            f"{change}; document.dispatchEvent(new Event('visibilitychange'))"
        )

    def _connect(self, socket: WebSocketRoute) -> None:
        if self.cut_off:
            socket.close(code=1012)
        else:
            self.sockets += [socket, socket.connect_to_server()]

    def _logged(self, message: ConsoleMessage) -> None:
        losses = ("WebSocket connection to", "Failed to load resource: net::ERR_")
        lost = message.text.startswith(losses) and self.losses_expected
        refused = "status of 4" in message.text and self.refusals_expected
        if message.type in ("error", "warning") and not (lost or refused):
            self.complaints.append(message.text)


class Bell:
    """The bell of one tab: how much it counts, and what it lists."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._button = page.get_by_role("banner").get_by_role("button", name="Notifications")
        self._panel = page.get_by_role("region", name="Notifications")

    def counts(self, unread: int) -> None:
        """Wait until so many are unread."""
        expect(self._button).to_have_attribute("data-unread", str(unread))

    def shows(self, words: str, *, times: int = 1) -> None:
        """Wait until the latest one has these words, and stands for so many happenings."""
        self._button.click()
        latest = self._panel.get_by_role("listitem").first
        expect(latest).to_contain_text(words)
        expect(latest.locator("[data-part=count]")).to_have_text(
            f"· {times} new" if times > 1 else ""
        )
        self._page.keyboard.press("Escape")

    def read_all(self) -> None:
        """Leave nothing unread."""
        self._button.click()
        expect(self._panel.get_by_role("listitem").first).to_be_visible()
        read_all = self._panel.get_by_role("button", name="Mark all as read")
        if read_all.is_visible():
            read_all.click()
        self.counts(0)
        self._page.keyboard.press("Escape")
