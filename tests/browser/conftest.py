"""A real Chromium, and pages that remember what went wrong while they were read."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response, sync_playwright

from config.settings import ROOT

SYSTEM_CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    # WebGL drawn by the processor: the map is drawn for real on a machine without a graphics card.
    "--enable-unsafe-swiftshader",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--ignore-gpu-blocklist",
]
CAPTURES = ROOT / "var" / "captures"
READY_MS = 30_000

DESKTOP = (1440, 900)
PHONE = (390, 844)
NARROW = (320, 640)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium of the system, or Playwright's own."""
    with sync_playwright() as playwright:
        path = str(SYSTEM_CHROMIUM) if SYSTEM_CHROMIUM.exists() else None
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()


@dataclass
class Visit:
    """A page being read, with the errors of its console, the hosts it called and the answers it received."""

    page: Page
    root: str
    errors: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    answers: list[Response] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", self._on_request)
        self.page.on("response", self._on_response)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def _on_response(self, response: Response) -> None:
        self.answers.append(response)

    def _on_request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme in ("http", "https") and address.netloc != urlsplit(self.root).netloc:
            self.strangers.append(request.url)

    def go(self, path: str) -> Response:
        """Open a path of the portal and wait until what it draws is drawn."""
        response = self.page.goto(self.root + path)
        assert response is not None
        if self.page.locator("script[type=module]").count():
            self.wait_ready()
        return response

    def wait_ready(self) -> None:
        self.page.wait_for_selector("html[data-pret]", state="attached", timeout=READY_MS)


OpenPage = Callable[..., Visit]


@pytest.fixture
def open_page(browser: Browser, server: str) -> Iterator[OpenPage]:
    """``open_page(size, dark=…, javascript=…)`` gives a Visit in a context of its own."""
    contexts = []

    def make(size: tuple[int, int] = DESKTOP, *, dark: bool = False, javascript: bool = True, **options: Any) -> Visit:
        scheme: Literal["dark", "light"] = "dark" if dark else "light"
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,
            java_script_enabled=javascript,
            reduced_motion="reduce",
            locale="fr-FR",
            **options,
        )
        contexts.append(context)
        return Visit(context.new_page(), server)

    yield make
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def captures() -> Path:
    """Folder where the pictures of every page are kept for a human eye."""
    CAPTURES.mkdir(parents=True, exist_ok=True)
    return CAPTURES


@pytest.fixture(scope="session")
def refresh_documentation() -> bool:
    """True when the pictures of the documentation are to be made again: ``CAPTURES=1 ./portail test tests/browser``."""
    return os.environ.get("CAPTURES") == "1"
