"""What a layer is: the content of ``layers/definitions/<id>/layer.yaml``, checked.

The same model is stored in the catalogue for the layers that agents publish at run time, and its JSON Schema is
kept in ``layers/layer.schema.json`` for editors and outside checks.
"""

from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=50)]
FieldName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=50)]

# Columns of our own in the data tables; a field may not take their names.
RESERVED = frozenset({"key", "hash", "edition_from", "edition_to", "geom"})


class Geometry(StrEnum):
    """Geometry kinds of a layer. Polygons and lines are stored as their Multi- form so that a layer has one type."""

    POINT = "Point"
    MULTI_POINT = "MultiPoint"
    MULTI_LINE = "MultiLineString"
    MULTI_POLYGON = "MultiPolygon"

    @property
    def dimension(self) -> int:
        """0 for points, 1 for lines, 2 for surfaces."""
        return {"Point": 0, "MultiPoint": 0, "MultiLineString": 1, "MultiPolygon": 2}[self.value]


class FieldType(StrEnum):
    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMP = "timestamp"
    JSON = "json"

    @property
    def sql(self) -> str:
        """PostgreSQL type of the column."""
        return {
            "text": "text",
            "integer": "bigint",
            "number": "double precision",
            "boolean": "boolean",
            "date": "date",
            "timestamp": "timestamptz",
            "json": "jsonb",
        }[self.value]


class Access(StrEnum):
    """Who may read a layer."""

    PUBLIC = "public"
    AGENTS = "agents"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LayerField(_Model):
    """An attribute of the features, with the name that people read."""

    name: FieldName = Field(description="Nom technique, celui des fichiers et de l'API.")
    type: FieldType = Field(FieldType.TEXT, description="Nature des valeurs.")
    title: str = Field(min_length=1, description="Libellé en français, sans jargon.")
    description: str = Field("", description="Ce qu'il faut savoir pour bien lire la valeur.")
    unit: str = Field("", description="Unité, telle qu'on l'écrit : « m² », « habitants ».")
    values: dict[str, str] = Field(default_factory=dict, description="Valeurs possibles et leur libellé.")
    tiles: bool = Field(False, description="Vrai si l'attribut voyage dans les tuiles vectorielles.")
    index: bool = Field(False, description="Vrai si l'on filtre ou trie souvent par cet attribut.")
    hidden: bool = Field(False, description="Vrai si l'attribut n'est jamais publié.")


class Producer(_Model):
    name: str = Field(description="Qui produit les données.")
    url: str = Field("", description="Site du producteur.")


class Licence(_Model):
    """A licence by its SPDX-like code."""

    code: Literal["etalab-2.0", "odbl-1.0", "cc-by-4.0", "cc0-1.0", "autre"] = Field(description="Code de la licence.")
    title: str = Field("", description="Nom de la licence ; déduit du code s'il est connu.")
    url: str = Field("", description="Texte de la licence ; déduit du code s'il est connu.")

    @model_validator(mode="before")
    @classmethod
    def _from_code(cls, value: Any) -> Any:
        return {"code": value} if isinstance(value, str) else value

    @property
    def label(self) -> str:
        return self.title or _LICENCES.get(self.code, ("", ""))[0]

    @property
    def href(self) -> str:
        return self.url or _LICENCES.get(self.code, ("", ""))[1]


_LICENCES = {
    "etalab-2.0": ("Licence Ouverte 2.0", "https://www.etalab.gouv.fr/licence-ouverte-open-licence/"),
    "odbl-1.0": ("Open Database License 1.0", "https://opendatacommons.org/licenses/odbl/1-0/"),
    "cc-by-4.0": ("Creative Commons Attribution 4.0", "https://creativecommons.org/licenses/by/4.0/deed.fr"),
    "cc0-1.0": ("Creative Commons Zéro 1.0", "https://creativecommons.org/publicdomain/zero/1.0/deed.fr"),
}


class Source(_Model):
    """Where the official data come from and which reader understands them."""

    reader: Identifier = Field(description="Lecteur qui comprend cette source.")
    dataset: str = Field("", description="Nom du jeu dans la source, quand elle en contient plusieurs.")
    url: str = Field("", description="Adresse du fichier officiel, quand la source en est un.")
    page: str = Field("", description="Page où un humain lit la description de la source.")
    frequency: str = Field("", description="Rythme de mise à jour annoncé, en clair.")


class TileOptions(_Model):
    min_zoom: int = Field(0, ge=0, le=22, description="Premier niveau où la couche est servie en tuiles.")
    max_zoom: int = Field(16, ge=0, le=22, description="Dernier niveau calculé ; au-delà le client agrandit.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_zoom > self.max_zoom:
            raise ValueError("min_zoom dépasse max_zoom")
        return self


class Checks(_Model):
    """What an import must respect to be published without being forced."""

    max_loss: float = Field(0.2, ge=0, le=1, description="Part des objets qui peut disparaître d'une édition à la suivante.")


class Layer(_Model):
    """A published dataset: identity, schema, licence, source, access. Its style is beside it, its editions in PostGIS."""

    id: Identifier = Field(description="Nom de la couche dans les adresses.")
    title: str = Field(min_length=1, description="Titre en français.")
    description: str = Field(min_length=1, description="Ce que la couche contient, d'où elle vient et ses limites.")
    theme: str = Field(min_length=1, description="Thème de l'atlas où la carte est rangée.")
    position: int = Field(1000, ge=0, description="Rang dans les listes : les plus petits d'abord.")
    keywords: tuple[str, ...] = Field((), description="Mots par lesquels on la cherche.")
    producer: Producer = Field(description="Qui produit les données.")
    licence: Licence = Field(description="Licence de réutilisation : un code, ou code, titre et adresse.")
    attribution: str = Field("", description="Mention à afficher avec les données ; par défaut le producteur et la licence.")
    geometry: Geometry = Field(description="Forme des objets.")
    key: FieldName = Field(description="Attribut qui identifie un objet d'une édition à l'autre.")
    label: FieldName = Field(description="Attribut qui nomme un objet pour un lecteur.")
    fields: tuple[LayerField, ...] = Field(min_length=1, description="Attributs des objets, dans l'ordre de lecture.")
    datetime: FieldName | None = Field(None, description="Attribut de date sur lequel porte le paramètre datetime.")
    source: Source | None = Field(None, description="Source officielle, que lit la commande ingest.")
    access: Access = Field(Access.PUBLIC, description="Qui peut lire la couche.")
    fictif: bool = Field(False, description="Vrai si les données sont inventées : dit partout où elles paraissent.")
    tiles: TileOptions = Field(TileOptions(), description="Niveaux des tuiles vectorielles.")
    checks: Checks = Field(Checks(), description="Ce qu'un import doit respecter pour être publié sans être forcé.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [field.name for field in self.fields]
        if len(set(names)) != len(names):
            raise ValueError("deux attributs portent le même nom")
        if taken := RESERVED.intersection(names):
            raise ValueError(f"nom d'attribut réservé : {', '.join(sorted(taken))}")
        for role, name in (("key", self.key), ("label", self.label), ("datetime", self.datetime)):
            if name is not None and name not in names:
                raise ValueError(f"{role} nomme un attribut absent de fields : {name}")
        for role, name in (("key", self.key), ("label", self.label), ("datetime", self.datetime)):
            if name is not None and self.field(name).hidden:
                raise ValueError(f"{role} nomme un attribut caché, que les réponses montreraient : {name}")
        if self.datetime and self.field(self.datetime).type not in (FieldType.DATE, FieldType.TIMESTAMP):
            raise ValueError("datetime doit nommer un attribut de type date ou timestamp")
        return self

    @classmethod
    def from_stored(cls, definition: dict[str, Any]) -> Self:
        """A definition kept in the catalogue, perhaps by another version: what this one does not know is passed over.

        Raises pydantic.ValidationError when what it does know is wrong.
        """
        return cls.model_validate(definition, extra="ignore")

    def field(self, name: str) -> LayerField:
        """Return the field of this name; KeyError when the layer has none."""
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(name)

    @property
    def public_fields(self) -> tuple[LayerField, ...]:
        return tuple(field for field in self.fields if not field.hidden)

    @property
    def tile_fields(self) -> tuple[LayerField, ...]:
        return tuple(field for field in self.public_fields if field.tiles)

    @property
    def table(self) -> str:
        """Name of the current table in schema ``data``; the history is ``<table>_history``."""
        return self.id.replace("-", "_")

    @property
    def credit(self) -> str:
        return self.attribution or f"© {self.producer.name}, {self.licence.label}"
