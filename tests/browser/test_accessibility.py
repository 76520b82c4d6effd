"""What a program can see of accessibility: axe-core on every page, in both themes. It does not replace an audit."""

from pathlib import Path

import pytest
from playwright.sync_api import Page

from config.settings import ROOT
from tests.browser.conftest import DESKTOP, PHONE, OpenPage
from tests.browser.paths import PATHS, REFUSALS

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
ADDRESSES = PATHS | {name: path for name, (path, _) in REFUSALS.items()}

_RUN = """async () => (await axe.run(document, {
  runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
})).violations.map(({ id, nodes }) => ({
  id, where: nodes.map((node) => node.target.join(" ") + " — " + node.failureSummary),
}))"""


def _open(open_page: OpenPage, path: str, size: tuple[int, int]) -> Page:
    # The policy of the pages refuses any script that is not a file of the site; only axe needs it set aside.
    visit = open_page(size, bypass_csp=True)
    visit.go(path)
    visit.page.evaluate(AXE.read_text(encoding="utf-8"))
    return visit.page


@pytest.mark.parametrize("name", ADDRESSES)
def test_axe_finds_nothing_in_either_theme(name: str, open_page: OpenPage, captures: Path) -> None:
    page = _open(open_page, ADDRESSES[name], DESKTOP)
    assert page.evaluate(_RUN) == []
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    page.screenshot(path=captures / f"{name}-sombre.png")
    assert page.evaluate(_RUN) == []


@pytest.mark.parametrize("name", ["accueil", "carte", "carte-fiche", "couche", "couche-objets"])
def test_axe_finds_nothing_on_a_phone(name: str, open_page: OpenPage) -> None:
    assert _open(open_page, ADDRESSES[name], PHONE).evaluate(_RUN) == []


def test_axe_would_find_something(open_page: OpenPage) -> None:
    page = _open(open_page, "/aide", DESKTOP)
    page.evaluate("document.querySelector('main').insertAdjacentHTML('beforeend', '<img src=\"data:,\">')")
    assert [violation["id"] for violation in page.evaluate(_RUN)] == ["image-alt"]
