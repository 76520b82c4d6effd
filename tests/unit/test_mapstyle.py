"""The style of the map, as a pure value."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from geoportal.links import Links
from geoportal.portal.listing import Entry, Wanted, commune_field, select_page, summarise
from geoportal.portal.mapstyle import Sign, compose_style, is_shown_first, legend_text, make_sign, tile_address
from layers.catalog import Collection, Edition
from layers.model import Layer
from tiles.store import definition_mark

LINE: dict[str, Any] = {"id": "limite", "type": "line", "paint": {"line-color": "#112233", "line-dasharray": [4, 2]}}
FILL: dict[str, Any] = {
    "id": "aplat",
    "type": "fill",
    "paint": {"fill-color": ["match", ["get", "genre"], "a", "#ff0000", "#00ff00"]},
}
NAME: dict[str, Any] = {"id": "nom", "type": "symbol", "layout": {"text-field": ["get", "nom"], "text-font": ["Noto Sans Bold"]}}


def _collection(layer_id: str, geometry: str, layers: list[dict[str, Any]], total: int = 3, **style: Any) -> Collection:
    layer = Layer.model_validate(
        {
            "id": layer_id,
            "title": layer_id.title(),
            "description": "Essai.",
            "theme": "Essai",
            "producer": {"name": "Essai"},
            "licence": "etalab-2.0",
            "geometry": geometry,
            "key": "code",
            "label": "nom",
            "fields": [
                {"name": "code", "title": "Code", "tiles": True},
                {"name": "nom", "title": "Nom", "tiles": True, "index": True},
                {"name": "commune_code", "title": "Commune", "index": True},
                {"name": "habitants", "title": "Habitants", "type": "integer", "unit": "habitants"},
                {"name": "logements", "title": "Logements", "type": "integer"},
                {"name": "adresse", "title": "Adresse"},
            ],
        }
    )
    now = datetime(2026, 11, 23, tzinfo=UTC)
    edition = Edition(layer_id, 7, now, "essai", "", None, "", "", total, 0, 0, 0, total, (-2.6, 46.8, -0.9, 47.9))
    return Collection(layer, {"layers": layers, **style}, 2154, edition)


LAND = _collection("communes", "MultiPolygon", [FILL, LINE, NAME])
POINTS = _collection("mairies", "Point", [{"id": "point", "type": "circle", "paint": {"circle-color": "#445566"}}, NAME])


def _style(*collections: Collection, shown: set[str] | None = None) -> dict[str, Any]:
    return compose_style(collections, {one.id for one in collections} if shown is None else shown, Links(""), LAND)


def test_land_comes_first_and_points_lie_over_surfaces() -> None:
    types = [layer["type"] for layer in _style(POINTS, LAND)["layers"]]
    assert types == ["background", "fill", "fill", "line", "circle", "symbol", "symbol", "circle", "line"]


def test_tiles_are_those_of_the_edition() -> None:
    source = _style(POINTS)["sources"]["mairies"]
    mark = definition_mark(POINTS)
    assert source["tiles"] == [f"/ogc/collections/mairies/tiles/WebMercatorQuad/{{z}}/{{y}}/{{x}}?f=mvt&edition=7&v={mark}"]
    assert source["bounds"] == [-2.6, 46.8, -0.9, 47.9]


def test_address_of_tiles_changes_when_a_field_is_hidden() -> None:
    fields = [field.model_copy(update={"hidden": field.name == "nom"}) for field in POINTS.layer.fields]
    hidden = replace(POINTS, layer=POINTS.layer.model_copy(update={"fields": tuple(fields)}))
    restyled = replace(POINTS, style={"layers": []})
    assert tile_address(hidden, Links("")) != tile_address(POINTS, Links("")) == tile_address(restyled, Links(""))


def test_hidden_layers_and_outlines_draw_nothing() -> None:
    layers = _style(POINTS, LAND, shown={"mairies"})["layers"]
    visibility = {layer["id"]: layer.get("layout", {}).get("visibility", "visible") for layer in layers}
    assert visibility["mairies:point"] == "visible"
    assert visibility["communes:limite"] == visibility["communes:choix"] == visibility["mairies:choix"] == "none"


def test_names_of_few_surfaces_have_points_of_their_own() -> None:
    style = _style(LAND)
    name = next(layer for layer in style["layers"] if layer["id"] == "communes:nom")
    assert name["source"] == "communes:noms"
    assert "source-layer" not in name
    assert style["sources"]["communes:noms"] == {"type": "geojson", "data": "/carte/noms/communes.geojson?edition=7"}
    many = _style(_collection("parcelles", "MultiPolygon", [NAME], total=100_000))
    assert next(layer for layer in many["layers"] if layer["id"] == "parcelles:nom")["source"] == "parcelles"


def test_names_are_written_with_faces_of_the_site() -> None:
    fonts = [layer["layout"]["text-font"] for layer in _style(LAND)["layers"] if layer["type"] == "symbol"]
    assert fonts == [["Carte Bold"]]


def test_the_sign_of_a_layer() -> None:
    assert make_sign(LAND) == Sign("fill", "#00ff00", "#112233", dashed=True)
    assert make_sign(POINTS) == Sign("circle", "#445566", "")
    assert make_sign(_collection("voies", "MultiLineString", [LINE])) == Sign("line", "", "#112233", dashed=True)


def test_what_the_style_says_in_words() -> None:
    told = _collection("cantons", "MultiPolygon", [], metadata={"legende": "Tireté.", "visible": False})
    assert (legend_text(told), is_shown_first(told)) == ("Tireté.", False)
    assert (legend_text(LAND), is_shown_first(LAND)) == ("", True)


def test_the_list_says_little_and_well() -> None:
    entry = Entry("1", "Mairie de X", {"code": "1", "commune_code": "44001", "habitants": 12, "logements": 3, "adresse": "1 rue"})
    assert [(field.name, value) for field, value in summarise(POINTS.layer, entry)] == [("habitants", 12), ("adresse", "1 rue")]


def test_the_commune_of_an_object() -> None:
    assert commune_field(POINTS.layer) == "commune_code"


def test_a_search_is_bound_never_written() -> None:
    selection = select_page(POINTS, Wanted("l'_île%", "44001"))
    assert list(selection.values.values.values()) == ["%l'\\_île\\%%", "44001"]
