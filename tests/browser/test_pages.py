"""Every page, in every size: a title, no stranger, no error, nothing that overflows; and a picture of each."""

from pathlib import Path

import httpx
import pytest

from tests.browser.conftest import DESKTOP, NARROW, PHONE, OpenPage
from tests.browser.paths import PATHS, REFUSALS

_OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.mark.parametrize("name", PATHS)
def test_a_page_is_whole_and_calls_no_other_host(name: str, open_page: OpenPage, captures: Path) -> None:
    visit = open_page(DESKTOP)
    response = visit.go(PATHS[name])
    assert response.status == httpx.codes.OK
    assert response.headers["content-type"].startswith("text/html")
    assert "unsafe" not in response.headers["content-security-policy"]
    page = visit.page
    assert page.title().endswith("Géoportail et atlas, Loire-Atlantique")
    assert page.title() != "Géoportail et atlas, Loire-Atlantique"
    assert page.locator("html").get_attribute("lang") == "fr"
    assert page.locator("h1").count() == 1
    assert page.locator("script:not([src]):not([type='application/json'])").count() == 0
    assert page.locator("[style]:not(.maplibregl-map *, .maplibregl-map)").count() == 0
    page.screenshot(path=captures / f"{name}.png", full_page=True)
    assert visit.errors == []
    assert visit.strangers == []


@pytest.mark.parametrize("name", PATHS)
def test_a_page_fits_a_phone_and_a_narrow_screen(name: str, open_page: OpenPage, captures: Path) -> None:
    visit = open_page(PHONE)
    visit.go(PATHS[name])
    assert visit.page.evaluate(_OVERFLOW) == 0
    visit.page.screenshot(path=captures / f"{name}-telephone.png", full_page=True)
    visit.page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
    assert visit.page.evaluate(_OVERFLOW) == 0


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_is_a_page_in_french(name: str, open_page: OpenPage, captures: Path) -> None:
    path, status = REFUSALS[name]
    visit = open_page(PHONE)
    assert visit.go(path).status == status
    assert visit.page.locator(".avis strong").inner_text()
    assert visit.page.get_by_role("link", name="Retour à l’accueil").is_visible()
    assert visit.page.evaluate(_OVERFLOW) == 0
    visit.page.screenshot(path=captures / f"{name}-telephone.png")


def test_titles_tell_pages_apart(server: str) -> None:
    titles = {}
    with httpx.Client(base_url=server, headers={"Accept": "text/html"}) as client:
        for name, path in PATHS.items():
            if path.startswith("/carte"):
                continue  # the same page in several states
            text = client.get(path).text
            titles[name] = text.split("<title>")[1].split("</title>")[0]
    assert len(set(titles.values())) == len(titles), titles


def test_every_link_of_the_site_leads_somewhere(open_page: OpenPage, server: str) -> None:
    visit = open_page()
    links: dict[str, str] = {}
    for path in PATHS.values():
        visit.page.goto(server + path, wait_until="domcontentloaded")
        for href in visit.page.eval_on_selector_all("a[href]", "links => links.map(link => link.href)"):
            address = href.split("#")[0]
            if address.startswith(server):
                links.setdefault(address, path)
    with httpx.Client(headers={"Accept": "text/html,*/*;q=0.1"}, follow_redirects=True, timeout=30) as client:
        broken = {}
        for address, origin in links.items():
            with client.stream("GET", address) as response:
                if response.status_code != httpx.codes.OK:
                    broken[address] = (response.status_code, origin)
    assert broken == {}
