"""The map: drawn for real by Chromium from our tiles and styles, followed by its card and its address."""

import io
import re
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, Response, expect

from config.settings import ROOT
from tests.browser.conftest import PHONE, READY_MS, OpenPage, Visit

NANTES = "#10/47.23/-1.56"
LAND, SEA = (251, 252, 250), (207, 226, 229)


def _tiles(visit: Visit) -> list[Response]:
    return [answer for answer in visit.answers if "/tiles/WebMercatorQuad/" in answer.url]


def _share(map_frame: Locator, colour: tuple[int, int, int]) -> float:
    """Share of the picture within three levels of a colour (red, green, blue)."""
    picture = Image.open(io.BytesIO(map_frame.screenshot())).convert("RGB")
    near = np.abs(np.asarray(picture, dtype=int) - np.array(colour)).max(axis=2) <= 3
    return float(near.mean())


def _heading(page: Page) -> Locator:
    return page.locator("#fiche h2")


def test_our_tiles_are_drawn_with_our_styles(open_page: OpenPage, captures: Path, refresh_documentation: bool) -> None:
    visit = open_page()
    visit.go("/carte")
    expect(visit.page.locator("html")).to_have_attribute("data-carte", "prete")
    tiles = _tiles(visit)
    assert {"communes", "mairies"} <= {tile.url.split("/collections/")[1].split("/")[0] for tile in tiles}
    assert all(tile.status in (httpx.codes.OK, httpx.codes.NO_CONTENT) for tile in tiles)
    assert any(tile.headers["content-type"].startswith("application/vnd.mapbox-vector-tile") for tile in tiles)
    frame = visit.page.locator("#carte")
    assert _share(frame, LAND) > 0.2
    assert _share(frame, SEA) > 0.2
    expect(visit.page.locator(".maplibregl-ctrl-scale")).to_contain_text("km")
    expect(visit.page.locator(".pied-carte")).to_contain_text("IGN, Insee")
    visit.page.screenshot(path=captures / "carte-ecran.png")
    if refresh_documentation:
        visit.go("/carte?carte=communes&objet=44109#8.8/47.35/-1.85")
        visit.page.screenshot(path=ROOT / "docs" / "captures" / "carte.png")


def test_a_click_shows_the_card_and_the_address_keeps_it(open_page: OpenPage) -> None:
    visit = open_page()
    page = visit.page
    visit.go(f"/carte?carte=communes&avec=communes{NANTES}")
    page.locator("#carte canvas").click()
    expect(_heading(page)).to_have_text("Nantes")
    expect(page.locator("#fiche")).to_contain_text("Population municipale")
    assert "objet=44109" in page.url
    page.reload()
    visit.wait_ready()
    expect(_heading(page)).to_have_text("Nantes")
    page.get_by_role("button", name="Fermer la fiche").click()
    expect(page.locator("#fiche")).to_be_hidden()
    assert "objet=" not in page.url
    assert visit.errors == []


def test_the_card_of_another_layer_keeps_its_address_too(open_page: OpenPage) -> None:
    visit = open_page()
    page = visit.page
    visit.go(f"/carte?carte=mairies&avec=communes{NANTES}")
    page.locator("#carte canvas").click()
    expect(page.locator("#fiche")).to_contain_text("Communes")
    assert "de=communes" in page.url
    page.reload()
    visit.wait_ready()
    expect(_heading(page)).to_have_text("Nantes")


def test_a_row_frames_its_object_and_back_undoes_it(open_page: OpenPage) -> None:
    visit = open_page()
    page = visit.page
    visit.go("/carte?carte=communes&q=clisson")
    page.get_by_role("link", name="Clisson", exact=True).click()
    expect(_heading(page)).to_have_text("Clisson")
    expect(page.locator("#lieux li[aria-current=true]")).to_have_count(1)
    expect(page).to_have_url(re.compile("#1"))  # framed: the zoom level has two figures
    page.go_back()
    visit.wait_ready()
    expect(page.locator("#fiche")).to_be_hidden()


def test_layers_are_shown_and_hidden(open_page: OpenPage) -> None:
    visit = open_page()
    page = visit.page
    visit.go("/carte?carte=communes")
    button = page.get_by_role("button", name="Intercommunalités (EPCI) sur la carte")
    expect(button).to_have_attribute("aria-pressed", "false")
    with page.expect_response(lambda answer: "/collections/epci/tiles/" in answer.url):
        button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    assert "epci" in page.url
    page.reload()
    visit.wait_ready()
    expect(button).to_have_attribute("aria-pressed", "true")


def test_another_list_keeps_the_view(open_page: OpenPage) -> None:
    visit = open_page()
    visit.go(f"/carte?carte=communes{NANTES}")
    visit.page.get_by_role("link", name="Mairies", exact=True).click()
    visit.wait_ready()
    expect(visit.page.get_by_role("heading", name="Mairies", exact=True)).to_be_visible()
    assert visit.page.url.endswith(NANTES)


def test_the_whole_path_by_keyboard(open_page: OpenPage) -> None:
    visit = open_page()
    page = visit.page
    visit.go("/carte?carte=communes")
    _tab_to(page, "#lieux a")
    name = page.evaluate("document.activeElement.textContent")
    page.keyboard.press("Enter")
    expect(_heading(page)).to_be_focused()
    expect(_heading(page)).to_have_text(name)
    page.keyboard.press("Escape")
    expect(page.locator("#fiche")).to_be_hidden()
    expect(page.get_by_role("link", name=name, exact=True)).to_be_focused()
    _tab_to(page, "canvas")
    page.keyboard.press("Tab")  # the map is one stop, and lets go
    expect(page.get_by_role("button", name="Agrandir")).to_be_focused()


def _tab_to(page: Page, selector: str) -> None:
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    pytest.fail(f"Tab n'atteint pas {selector}")


def test_tools_are_large_enough_for_a_finger(open_page: OpenPage) -> None:
    visit = open_page()
    visit.go("/carte")
    before = visit.page.url
    visit.page.get_by_role("button", name="Agrandir").click()
    expect(visit.page).not_to_have_url(before)
    for button in visit.page.locator(".outils button").all():
        box = button.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 44


def test_on_a_phone_the_list_comes_first(open_page: OpenPage, captures: Path) -> None:
    visit = open_page(PHONE)
    page = visit.page
    visit.go("/carte")
    expect(page.locator("#lieux")).to_be_visible()
    expect(page.locator("#cadre-carte")).to_be_hidden()
    assert not [answer for answer in visit.answers if "maplibre-gl.mjs" in answer.url]  # not asked before it is wanted
    page.get_by_role("button", name="Voir la carte").click()
    page.wait_for_selector("html[data-carte=prete]", state="attached", timeout=READY_MS)
    expect(page.locator("#cadre-carte")).to_be_visible()
    expect(page.locator("#lieux")).to_be_hidden()
    page.screenshot(path=captures / "carte-telephone-carte.png")
    page.get_by_role("button", name="Voir la liste").click()
    expect(page.locator("#lieux")).to_be_visible()


@pytest.mark.parametrize("lost", ["**/carte/style.json*", "**/vendor/maplibre-gl.mjs"])
def test_a_map_that_fails_leaves_the_list(lost: str, open_page: OpenPage) -> None:
    visit = open_page()
    visit.page.route(lost, lambda route: route.abort())
    visit.go("/carte")
    expect(visit.page.locator("#etat-carte")).to_have_text(
        "La carte ne s’affiche pas sur cet appareil. La liste donne les mêmes réponses."
    )
    expect(visit.page.locator("#lieux li")).to_have_count(20)


def test_lost_tiles_are_told(open_page: OpenPage) -> None:
    visit = open_page()
    visit.page.route("**/tiles/WebMercatorQuad/**", lambda route: route.abort())
    visit.page.goto(visit.root + "/carte")
    expect(visit.page.locator("#etat-carte")).to_contain_text("Une partie de la carte n’a pas pu être chargée.")


def test_a_preview_situates_its_object(open_page: OpenPage) -> None:
    visit = open_page()
    visit.go("/ogc/collections/communes/items/44109")
    assert _tiles(visit)
    expect(visit.page.locator("[data-apercu] canvas")).to_be_visible()
    expect(visit.page.locator("[data-apercu] .etat-carte")).to_have_count(0)
    assert _share(visit.page.locator("[data-apercu]"), (181, 69, 27)) > 0.002  # the outline of the chosen object
