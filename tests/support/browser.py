"""The application at an address of its own, a browser before it, and what every page owes its reader."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request, async_playwright
from pydantic import SecretStr

from loyalty.clock import FixedClock
from loyalty.words.languages import LANGUAGES
from server.app import create_app
from server.settings import Settings
from tests.support.api import SECRET

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
)
WITHIN_MS = 15_000
_FAULTS = (Path(__file__).parent / "browser_faults.js").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Look:
    """How somebody looks at a page."""

    width: int = 1440
    dark: bool = False
    language: str = "en"

    def __str__(self) -> str:
        return f"{self.width} px, {'dark' if self.dark else 'light'}, {self.language}"


DESK = Look()
PHONE = Look(390, dark=True, language="pl")
LOOKS = [
    DESK,
    Look(dark=True, language="sv"),
    *(Look(390, dark=number % 2 == 1, language=language) for number, language in enumerate(LANGUAGES)),
]
"""Both widths in both themes, and on a phone, where room is short, every language."""


@dataclass
class Site:
    """The application as browsers reach it."""

    base_url: str
    clock: FixedClock


@dataclass
class Visit:
    """One reader with cookies of their own, and what went wrong before their eyes."""

    page: Page
    base_url: str
    troubles: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    """Addresses that were asked for and are not ours."""
    asked: list[str] = field(default_factory=list)
    """Paths that were asked for."""

    async def open(self, path: str) -> None:
        """Go to a page of ours."""
        await self.page.goto(f"{self.base_url}{path}")
        await self._drawn()

    async def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            await self.page.keyboard.press(key)

    async def write(self, text: str) -> None:
        """Write where the focus is."""
        await self.page.keyboard.insert_text(text)

    async def send(self, *keys: str) -> None:
        """Press keys of which the last leads to another page, and wait for it."""
        async with self.page.expect_navigation():
            await self.press(*keys)
        await self._drawn()

    async def _drawn(self) -> None:
        # The focus goes to the first field when the page is drawn for the first time, which may be after it is loaded.
        await self.page.evaluate("() => new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go)))")

    async def focused(self) -> str:
        """Return the words of what has the focus: its label, its name or its text."""
        told: str = await self.page.evaluate(
            "() => { const e = document.activeElement; return e.labels?.[0]?.innerText || e.ariaLabel || e.innerText }"
        )
        return told.strip()

    async def faults(self) -> list[str]:
        """Return what this page owes its reader: words for fields, contrast, one heading, room."""
        told: list[str] = await self.page.evaluate(_FAULTS)
        return told

    async def unseen_stops(self) -> list[str]:
        """Return where the Tab key stops without showing it, and what it does not reach."""
        hidden = []
        stops: int = await self.page.evaluate(_STOPS)
        for stop in range(1, stops + 1):
            await self.press("Tab")
            drawn: bool = await self.page.evaluate(_OUTLINED)
            if not drawn:
                hidden.append(f"stop {stop}: {await self.focused()!r}")
        return hidden

    def noted(self, message: ConsoleMessage) -> None:
        """Note what the browser complains of. That a form was answered with a refusal is no complaint."""
        if message.type not in ("error", "warning"):
            return
        refused = message.text.startswith("Failed to load resource") and message.location["url"] in self.pages
        if not refused:
            self.troubles.append(f"{message.type}: {message.text}")

    def requested(self, request: Request) -> None:
        """Note where a request goes."""
        if request.is_navigation_request():
            self.pages.add(request.url)
        if request.url.startswith(f"{self.base_url}/"):
            self.asked.append(request.url.removeprefix(self.base_url))
        elif not request.url.startswith(("data:", "blob:")):
            self.elsewhere.append(request.url)

    pages: set[str] = field(default_factory=set)


_STOPS = """() => {
  document.body.tabIndex = -1;
  document.body.focus();
  document.body.removeAttribute("tabindex");
  const stops = [...document.querySelectorAll("a[href], button, input:not([type=hidden]), summary")];
  return stops.filter((e) => e.checkVisibility()).length;
}"""
_OUTLINED = """() => {
  const told = [null, "::after"].map((part) => getComputedStyle(document.activeElement, part));
  return document.activeElement !== document.body
    && told.some((style) => style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2);
}"""


@asynccontextmanager
async def opened_browser() -> AsyncIterator[Browser]:
    """Yield Chromium without a window."""
    assert CHROMIUM is not None
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        await browser.close()


@asynccontextmanager
async def opened_site(database_url: str, clock: FixedClock) -> AsyncIterator[Site]:
    """Serve the whole application, as in development, on a free port of this machine."""
    with _listener() as listener:
        port: int = listener.getsockname()[1]
        settings = Settings(
            database_url=SecretStr(database_url), secret=SecretStr(SECRET), development=True, port=port, demo=False
        )
        server = _Server(
            uvicorn.Config(create_app(settings, clock), log_config=None, access_log=False, timeout_graceful_shutdown=1)
        )
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:
            assert not serving.done(), "the server did not start"
            await asyncio.sleep(0.01)
        yield Site(settings.base_url, clock)
        server.should_exit = True
        await serving


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # they are pytest's


@contextmanager
def _listener() -> Iterator[socket.socket]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield listener


@asynccontextmanager
async def visiting(browser: Browser, site: Site, look: Look) -> AsyncIterator[Visit]:
    """Yield somebody who has not been here before."""
    context = await _context(browser, look)
    visit = Visit(await context.new_page(), site.base_url)
    context.on("request", visit.requested)
    visit.page.on("console", visit.noted)
    visit.page.on("pageerror", lambda error: visit.troubles.append(f"script: {error}"))
    visit.page.on("dialog", lambda dialog: visit.troubles.append(f"dialog: {dialog.message}"))
    yield visit
    await context.close()


async def _context(browser: Browser, look: Look) -> BrowserContext:
    options: dict[str, Any] = {
        "viewport": {"width": look.width, "height": 900 if look.width > 600 else 780},
        "color_scheme": "dark" if look.dark else "light",
        "locale": look.language,
    }
    context = await browser.new_context(**options)
    context.set_default_timeout(WITHIN_MS)
    return context
