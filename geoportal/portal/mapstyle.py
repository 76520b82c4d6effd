"""The style of a map as one MapLibre document: sea, land, then the chosen layers with their own styles. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from geoportal.links import Links
from layers.catalog import Collection
from tiles.store import definition_mark

Json = dict[str, Any]

SEA, LAND, ACCENT = "#cfe2e5", "#fbfcfa", "#b5451b"
# Land is drawn from this layer when it is published: the portal asks no one else for a background.
LAND_LAYER = "communes"
# Surfaces under lines under points under names, whatever the order of the layers.
_MAX_NAME_POINTS = 500
_RANK = {"background": 0, "fill": 1, "line": 2, "circle": 3, "symbol": 4}
# Faces declared in tokens.css; MapLibre draws names with them, so that no glyph server is needed.
_FACES = {True: ["Carte Bold"], False: ["Carte Medium"]}


def _names_of(collection: Collection) -> str:
    return f"{collection.id}:noms"


def tile_address(collection: Collection, links: Links) -> str:
    """Template of the layer's tiles, under its edition and the mark of its definition so that copies stay right."""
    path = links.collection(collection.id, "tiles", "WebMercatorQuad")
    return f"{path}/{{z}}/{{y}}/{{x}}?f=mvt&edition={collection.edition.number}&v={definition_mark(collection)}"


def compose_style(collections: Iterable[Collection], shown: set[str], links: Links, land: Collection | None) -> Json:
    """One style for several layers; those not in ``shown`` are there, hidden.

    Each drawing layer says in its metadata (``couche``) which layer it draws; ``choix`` marks the outline of the
    chosen object, hidden until there is one: a hidden layer asks for no tile.
    """
    drawn = list(collections)
    sources = {one.id: _source(one, links) for one in [*drawn, *([land] if land else [])]}
    sources |= {_names_of(one): _name_source(one, links) for one in drawn if has_name_points(one)}
    layers = [layer for one in drawn for layer in _own_layers(one, visible=one.id in shown)]
    layers.sort(key=lambda layer: _RANK.get(layer["type"], 1))
    base: list[Json] = [{"id": "mer", "type": "background", "paint": {"background-color": SEA}}]
    if land:
        base.append({"id": "terre", "type": "fill", "source": land.id, "source-layer": land.id, "paint": {"fill-color": LAND}})
    chosen = [layer for one in drawn for layer in _chosen_layers(one)]
    return {"version": 8, "sources": sources, "layers": [*base, *layers, *chosen]}


def _source(collection: Collection, links: Links) -> Json:
    options = collection.layer.tiles
    source: Json = {
        "type": "vector",
        "tiles": [tile_address(collection, links)],
        "minzoom": options.min_zoom,
        "maxzoom": options.max_zoom,
    }
    if collection.edition.bbox:
        source["bounds"] = list(collection.edition.bbox)
    return source


def has_name_points(collection: Collection) -> bool:
    """Whether names are written from points of their own.

    A tile holds a piece of a surface and would write the name on each piece. Beyond some hundreds of surfaces the points
    would weigh more than the tiles, and the pieces are small: names then come from the tiles.
    """
    return collection.layer.geometry.dimension == 2 and collection.edition.total <= _MAX_NAME_POINTS


def _name_source(collection: Collection, links: Links) -> Json:
    address = links.url("carte", "noms", f"{collection.id}.geojson", query={"edition": collection.edition.number})
    return {"type": "geojson", "data": address}


def _own_layers(collection: Collection, *, visible: bool) -> list[Json]:
    layers = []
    for number, layer in enumerate(collection.style.get("layers", [])):
        layout = {**layer.get("layout", {}), "visibility": "visible" if visible else "none"}
        if "text-field" in layout:
            layout["text-font"] = _FACES["Bold" in str(layout.get("text-font", ""))]
        own = {"source": collection.id, "source-layer": collection.id}
        if layer.get("type") == "symbol" and has_name_points(collection):
            layer = {name: value for name, value in layer.items() if name != "source-layer"}
            own = {"source": _names_of(collection)}
        identity = {"id": f"{collection.id}:{layer.get('id', number)}", "metadata": {"couche": collection.id}}
        layers.append({**layer, **own, **identity, "layout": layout})
    return layers


def _chosen_layers(collection: Collection) -> list[Json]:
    common = {
        "source": collection.id,
        "source-layer": collection.id,
        "metadata": {"choix": collection.id},
        "filter": ["==", ["get", collection.layer.key], ""],
        "layout": {"visibility": "none"},
    }
    if collection.layer.geometry.dimension == 0:
        paint: Json = {
            "circle-radius": 11,
            "circle-color": "rgba(0,0,0,0)",
            "circle-stroke-color": ACCENT,
            "circle-stroke-width": 3.5,
        }
        return [{**common, "id": f"{collection.id}:choix", "type": "circle", "paint": paint}]
    return [
        {
            **common,
            "id": f"{collection.id}:choix",
            "type": "line",
            "layout": {"line-join": "round", "visibility": "none"},
            "paint": {"line-color": ACCENT, "line-width": 3.5},
        }
    ]


@dataclass(frozen=True)
class Sign:
    """How a layer looks, for its legend: ``fill``, ``line`` or ``circle``; an empty colour is not drawn."""

    shape: str
    fill: str
    stroke: str
    dashed: bool = False


def make_sign(collection: Collection) -> Sign:
    """The sign of a layer. What it means in words is in its style (``metadata.legende``)."""
    layers = collection.style.get("layers", [])
    paints = {layer["type"]: layer.get("paint", {}) for layer in reversed(layers)}
    line = paints.get("line", {})
    stroke = _usual_colour(line.get("line-color"))
    if "circle" in paints:
        circle = paints["circle"]
        return Sign("circle", _usual_colour(circle.get("circle-color")), _usual_colour(circle.get("circle-stroke-color")))
    if "fill" in paints:
        return Sign("fill", _usual_colour(paints["fill"].get("fill-color")), stroke, "line-dasharray" in line)
    return Sign("line", "", stroke, "line-dasharray" in line)


def _usual_colour(value: Any) -> str:
    """The colour itself, or what an expression gives in the usual case: the last of a choice, the first of a ramp."""
    if isinstance(value, str):
        return value if value.startswith(("#", "rgb", "hsl")) else ""
    if not isinstance(value, list):
        return ""
    parts = reversed(value) if value[:1] in (["case"], ["match"]) else value
    return next((found for part in parts if (found := _usual_colour(part))), "")


def is_shown_first(collection: Collection) -> bool:
    """Whether the layer is drawn when the reader has not chosen: what its style says, else yes."""
    return bool(collection.style.get("metadata", {}).get("visible", True))


def legend_text(collection: Collection) -> str:
    """The legend in a sentence, as the style gives it; empty when it does not."""
    return str(collection.style.get("metadata", {}).get("legende", ""))
