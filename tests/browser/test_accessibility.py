"""What a program can see of accessibility: axe-core on every page, in both themes. It does not replace an audit."""

from typing import Any

import pytest

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


def _violations(open_page: OpenPage, path: str, size: tuple[int, int], *, dark: bool) -> list[dict[str, Any]]:
    # The policy of the pages refuses any script that is not a file of the site; only axe needs it set aside.
    visit = open_page(size, dark=dark, bypass_csp=True)
    visit.go(path)
    visit.page.evaluate(AXE.read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = visit.page.evaluate(_RUN)
    return found


@pytest.mark.parametrize("dark", [False, True], ids=["clair", "sombre"])
@pytest.mark.parametrize("name", ADDRESSES)
def test_axe_finds_nothing(name: str, dark: bool, open_page: OpenPage) -> None:
    assert _violations(open_page, ADDRESSES[name], DESKTOP, dark=dark) == []


@pytest.mark.parametrize("name", ["accueil", "carte", "carte-fiche", "couche", "couche-objets"])
def test_axe_finds_nothing_on_a_phone(name: str, open_page: OpenPage) -> None:
    assert _violations(open_page, ADDRESSES[name], PHONE, dark=False) == []


def test_axe_would_find_something(open_page: OpenPage) -> None:
    visit = open_page(bypass_csp=True)
    visit.go("/aide")
    visit.page.evaluate("document.querySelector('main').insertAdjacentHTML('beforeend', '<img src=\"data:,\">')")
    visit.page.evaluate(AXE.read_text(encoding="utf-8"))
    assert [violation["id"] for violation in visit.page.evaluate(_RUN)] == ["image-alt"]
