"""The list, its search, its pages and its cards, without a line of JavaScript."""

from playwright.sync_api import expect

from tests.browser.conftest import PHONE, OpenPage


def test_the_list_is_there_and_the_map_says_why_it_is_not(open_page: OpenPage) -> None:
    page = (visit := open_page(javascript=False)).page
    visit.page.goto(visit.root + "/carte")
    expect(page.get_by_role("heading", name="Communes")).to_be_visible()
    expect(page.locator("#lieux li")).to_have_count(20)
    expect(page.locator("noscript p")).to_have_text("La carte demande JavaScript. La liste donne les mêmes informations.")
    expect(page.locator("noscript p")).to_be_visible()
    expect(page.locator(".si-js").first).to_be_hidden()


def test_search_then_open_a_card_then_its_page(open_page: OpenPage) -> None:
    visit = open_page(PHONE, javascript=False)
    page = visit.page
    page.goto(visit.root + "/carte?carte=communes")
    page.get_by_label("Nom contient").fill("NANTES")
    page.get_by_role("button", name="Chercher").click()
    expect(page.locator("#bilan")).to_contain_text("1 objet pour cette recherche")
    page.get_by_role("link", name="Nantes", exact=True).click()
    card = page.locator("#fiche")
    expect(card.get_by_role("heading", name="Nantes")).to_be_visible()
    expect(card).to_contain_text("habitants")
    card.get_by_role("link", name="Page de cet objet").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Nantes")
    expect(page.locator("dt", has_text="Population municipale")).to_be_visible()


def test_accents_and_case_do_not_matter(open_page: OpenPage) -> None:
    visit = open_page(javascript=False)
    visit.page.goto(visit.root + "/carte?q=chateaubriant")
    expect(visit.page.locator("#lieux a")).to_have_text(["Châteaubriant"])


def test_wildcards_of_the_database_are_plain_characters(open_page: OpenPage) -> None:
    visit = open_page(javascript=False)
    visit.page.goto(visit.root + "/carte?q=%25")
    expect(visit.page.get_by_text("Rien trouvé.")).to_be_visible()


def test_choose_a_commune(open_page: OpenPage) -> None:
    visit = open_page(javascript=False)
    page = visit.page
    page.goto(visit.root + "/carte?carte=mairies")
    page.get_by_label("Commune", exact=True).select_option("Clisson")
    page.get_by_role("button", name="Chercher").click()
    expect(page.locator("#lieux a")).to_have_text(["Mairie de Clisson"])


def test_turn_the_pages_there_and_back(open_page: OpenPage) -> None:
    visit = open_page(javascript=False)
    page = visit.page
    page.goto(visit.root + "/carte?carte=communes")
    seen = page.locator("#lieux a").all_inner_texts()
    first = list(seen)
    while (after := page.get_by_role("link", name="Suivants")).count():
        after.click()
        page.wait_for_load_state()
        seen += page.locator("#lieux a").all_inner_texts()
    assert len(seen) == len(set(seen)) == 207
    while (before := page.get_by_role("link", name="Précédents")).count():
        before.click()
        page.wait_for_load_state()
    assert page.locator("#lieux a").all_inner_texts() == first


def test_filter_the_table_of_the_api(open_page: OpenPage) -> None:
    visit = open_page(javascript=False)
    page = visit.page
    page.goto(visit.root + "/ogc/collections/communes/items?f=html")
    page.get_by_text("Filtrer et trier").click()
    page.get_by_label("Filtre CQL2").fill("population > 50000")
    page.get_by_label("Trier par").select_option(label="Population municipale, décroissant")
    page.get_by_role("button", name="Filtrer").click()
    expect(page.locator("tbody th")).to_have_text(["Nantes", "Saint-Nazaire"])
    expect(page.get_by_label("Filtre CQL2")).to_have_value("population > 50000")
    page.get_by_role("link", name="Tout effacer").click()
    page.get_by_role("link", name="Page suivante").click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_role("link", name="Page précédente")).to_be_visible()
