"""French figures, dates and values; the environment of the pages."""

from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError

from config.settings import Settings
from geoportal import templating
from geoportal.portal.assets import STATIC, VENDOR, Assets
from geoportal.templating import (
    as_page,
    find_link,
    format_bytes,
    format_date,
    format_hectares,
    format_instant,
    format_media,
    format_number,
    format_value,
    make_environment,
    other_formats,
    plural,
)
from layers.model import FieldType, LayerField

NB, FINE = "\u00a0", "\u202f"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (date(2026, 11, 23), f"23{NB}novembre 2026"),
        ("2026-01-01", f"1er{NB}janvier 2026"),
        (datetime(2026, 11, 23, 23, 30, tzinfo=UTC), f"24{NB}novembre 2026"),  # already the 24th in Paris
        ("2026-11-23T10:00:00Z", f"23{NB}novembre 2026"),
        ("un jour", "un jour"),
    ],
)
def test_dates(value: Any, expected: str) -> None:
    assert format_date(value) == expected


def test_instants_are_told_in_paris() -> None:
    assert format_instant("2026-07-14T08:05:00Z") == f"14{NB}juillet 2026 à 10{NB}h{NB}05"
    assert format_instant("2026-07-14") == f"14{NB}juillet 2026"


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, "0"), (29351, f"29{FINE}351"), (1487570, f"1{FINE}487{FINE}570"), (2.5, "2,5"), (-0.125, "−0,125"), (10.0, "10")],
)
def test_numbers(value: float, expected: str) -> None:
    assert format_number(value) == expected


@given(st.integers(min_value=-(10**15), max_value=10**15))
def test_a_whole_number_keeps_its_digits(value: int) -> None:
    assert int(format_number(value).replace(FINE, "").replace("−", "-")) == value


def test_surfaces_and_sizes() -> None:
    assert format_hectares(293_510_000) == f"29{FINE}351{NB}ha"
    assert format_hectares(46) == f"0,00{NB}ha"
    assert [format_bytes(n) for n in (1, 80_000, 1_234_567, 999_999)] == [f"1{NB}octet", f"80{NB}ko", f"1,2{NB}Mo", f"1,0{NB}Mo"]


def test_zero_and_one_are_singular() -> None:
    assert [plural(n, "objet") for n in (0, 1, 1.5, 2)] == ["objet", "objet", "objet", "objets"]
    assert plural(3, "cheval", "chevaux") == "chevaux"


def _field(type_: FieldType = FieldType.TEXT, **values: Any) -> LayerField:
    return LayerField(name="champ", title="Champ", type=type_, **values)


def test_values_read_as_a_reader_expects() -> None:
    assert format_value(None) == '<span class="absent">non renseigné</span>'
    assert format_value(True) == "oui"
    assert format_value("CC", _field(values={"CC": "Communauté de communes"})) == "Communauté de communes"
    assert format_value(309346, _field(FieldType.INTEGER, unit="habitants")) == f"309{FINE}346{NB}habitants"
    assert format_value("2026-11-23", _field(FieldType.DATE)) == f"23{NB}novembre 2026"
    assert format_value(["a", "b"]) == "a, b"
    assert format_value("mairie@exemple.fr") == '<a href="mailto:mairie@exemple.fr">mairie@exemple.fr</a>'
    assert 'href="tel:0240000000"' in format_value("02 40 00 00 00")
    assert format_value("02 40 00 00 00", liens=False) == "02 40 00 00 00"


@pytest.mark.parametrize("text", ['https://x.fr/"><script>alert(1)</script>', "<b>gras</b>"])
def test_a_value_never_becomes_markup(settings_44: Settings, text: str) -> None:
    rendered = make_environment(settings_44).from_string("{{ v | valeur }}").render(v=text)
    assert "<script" not in rendered
    assert "<b>" not in rendered


def test_links_of_a_document() -> None:
    document = {
        "links": [
            {"rel": "self", "href": "/a?f=json", "type": "application/json"},
            {"rel": "alternate", "href": "/a?f=html", "type": "text/html"},
            {"rel": "http://www.opengis.net/def/rel/ogc/1.0/items", "href": "/items", "type": "application/geo+json"},
        ]
    }
    assert find_link(document, "items") == "/items"
    assert find_link(document, "next") is None
    assert [link["href"] for link in other_formats(document)] == ["/a?f=json"]


def test_the_page_of_a_link() -> None:
    assert as_page("http://h/a?limit=10&f=json&token=W10") == "http://h/a?limit=10&token=W10&f=html"
    assert as_page("http://h/a") == "http://h/a?f=html"


def test_names_of_formats() -> None:
    assert format_media("application/vnd.oai.openapi+json;version=3.0") == "OpenAPI"
    assert format_media("image/png") == "image/png"


@pytest.fixture
def settings_44(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, public_url="https://geo.exemple.fr/portail", territory="44")


def test_addresses_follow_the_path_of_the_portal(settings_44: Settings) -> None:
    environment = make_environment(settings_44)
    version = Assets.of_portal().version
    assert environment.from_string("{{ static('css/base.css') }}").render() == f"/portail/static/{version}/css/base.css"
    assert environment.from_string("{{ url.ogc('collections') }}").render() == "/portail/ogc/collections"


def test_the_brand_is_the_map_of_its_territory(settings_44: Settings) -> None:
    elsewhere = settings_44.model_copy(update={"territory": "35"})
    assert make_environment(settings_44).globals["marque"] == {"clair": "img/marque-44.svg", "sombre": "img/marque-44-sombre.svg"}
    assert make_environment(elsewhere).globals["marque"] == {"clair": "img/marque.svg", "sombre": "img/marque-sombre.svg"}


@pytest.mark.parametrize("fictif", [True, False])
def test_invented_data_are_told_at_the_top_of_the_page(settings_44: Settings, fictif: bool) -> None:
    page = "{% extends 'base.html' %}{% set fictif = invented %}{% block titre %}Essai{% endblock %}"
    request = SimpleNamespace(url=SimpleNamespace(path="/portail/carte"))
    text = make_environment(settings_44).from_string(page).render(request=request, invented=fictif)
    assert ("<strong>FICTIF</strong>" in text) is fictif
    assert "<title>Essai — Géoportail et atlas, Loire-Atlantique</title>" in text
    assert '<a href="/portail/carte" aria-current="page">Carte</a>' in text


def test_an_undefined_name_is_an_error(settings_44: Settings) -> None:
    with pytest.raises(UndefinedError):
        make_environment(settings_44).from_string("{{ inconnu }}").render()


def test_punctuation_never_leaves_its_word(settings_44: Settings) -> None:
    template = make_environment(settings_44).from_string("« {{ nom }} » : quoi ? {% if nom %}oui{% endif %} a:b")
    assert template.render(nom="Carte") == f"«{NB}Carte{NB}»{NB}: quoi{NB}? oui a:b"


def test_every_template_compiles(settings_44: Settings) -> None:
    environment = make_environment(settings_44)
    names = environment.list_templates()
    assert {"base.html", "ogc/items.html", "ogc/problem.html", "portail/carte.html"} <= set(names)
    for name in names:
        environment.get_template(name)


def test_files_named_by_the_pages_exist() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in templating.TEMPLATES.rglob("*.html"))
    named = {part.split("'")[0] for part in text.split("static('")[1:]}
    assert named
    assert named <= set(Assets.of_portal().files)


def test_every_vendor_file_is_installed_and_no_other_is_offered() -> None:
    files = Assets.of_portal().files
    assert set(VENDOR) <= set(files)
    assert all(path.is_relative_to(STATIC) for name, path in files.items() if name not in VENDOR)
