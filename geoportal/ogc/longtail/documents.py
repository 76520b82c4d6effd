"""pygeoapi's documents as ours: links made by our builder, in French, and the corrections that the standards require."""

from geoportal.links import HTML, JSON, Links, link
from geoportal.ogc.longtail.config import GEOTIFF
from geoportal.ogc.part import Json
from geoportal.processes.base import Process
from ingest.derived.rasters import Raster
from layers.crs import CRS84_URI, from_srid

COVERAGE_JSON = "application/prs.coverage+json"
_REL = "http://www.opengis.net/def/rel/ogc/1.0"
QUERIES = {"position": "Valeur en un point", "area": "Valeurs dans une surface", "cube": "Valeurs dans une emprise"}

STATUS_MEMBERS = ("type", "processID", "jobID", "status", "message", "progress", "created", "started", "finished", "updated")


def self_links(href: str, what: str) -> list[Json]:
    """The two faces of a document."""
    return [link(href, "self", JSON, what), link(f"{href}?f=html", "alternate", HTML, f"{what} à lire")]


def describe(process: Process) -> Json:
    """The description of a process in the terms of the standard."""
    return {
        "id": process.id,
        "title": process.title,
        "description": process.description,
        "version": process.version,
        "keywords": list(process.keywords),
        "jobControlOptions": ["sync-execute", "async-execute"],
        "outputTransmission": ["value"],
        "inputs": dict(process.inputs),
        "outputs": {
            name: {
                "title": one.title,
                "description": one.description,
                "schema": one.schema | {"contentMediaType": one.media_type},
            }
            for name, one in process.outputs.items()
        },
        "example": process.example,
    }


def process_summary(links: Links, document: Json) -> Json:
    """A process in the list of processes."""
    href = links.ogc("processes", document["id"])
    own = [link(href, "self", JSON, document["title"]), link(f"{href}?f=html", "alternate", HTML, document["title"])]
    return document | {"links": [*own, link(f"{href}/execution", f"{_REL}/execute", JSON, "Exécuter")]}


def process_list(links: Links, document: Json) -> Json:
    """The list of processes."""
    href = links.ogc("processes")
    summaries = [process_summary(links, one) for one in document["processes"]]
    return {"processes": summaries, "links": [*self_links(href, "Cette liste"), _jobs_link(links)]}


def process_description(links: Links, document: Json, description: Json) -> Json:
    """One process. Its inputs and outputs are ours as we wrote them: pygeoapi takes any member whose name is a language
    code (« min » is one) for a translation."""
    summary = process_summary(links, document | {name: description[name] for name in ("inputs", "outputs", "example")})
    summary["links"].append(_jobs_link(links))
    return summary


def _jobs_link(links: Links) -> Json:
    return link(links.ogc("jobs"), f"{_REL}/job-list", JSON, "Vos travaux")


def job_status(links: Links, document: Json) -> Json:
    """A statusInfo: members without a value are left out, results are only linked when there are some."""
    href = links.ogc("jobs", document["jobID"])
    status: Json = {name: document[name] for name in STATUS_MEMBERS if document.get(name) not in (None, "")}
    status["links"] = self_links(href, "Ce travail")
    if document["status"] == "successful":
        status["links"].append(link(f"{href}/results", f"{_REL}/results", JSON, "Le résultat"))
    if document["status"] == "failed":
        status["links"].append(link(f"{href}/results", f"{_REL}/exceptions", "application/problem+json", "L'erreur"))
    return status


def job_list(links: Links, document: Json, total: int, limit: int, offset: int) -> Json:
    """A page of the asker's jobs, newest first (pygeoapi sorts by start, so jobs that wait came last)."""
    statuses = [job_status(links, one) for one in document["jobs"]]
    statuses.sort(key=lambda one: one["created"], reverse=True)
    page = [
        link(links.ogc("jobs"), "self", JSON, "Vos travaux"),
        link(links.ogc("jobs") + "?f=html", "alternate", HTML, "Vos travaux à lire"),
    ]
    if offset + limit < total:
        page.append(link(links.ogc("jobs", query={"limit": limit, "offset": offset + limit}), "next", JSON, "Page suivante"))
    if offset:
        page.append(
            link(links.ogc("jobs", query={"limit": limit, "offset": max(0, offset - limit)}), "prev", JSON, "Page précédente")
        )
    return {"jobs": statuses, "numberMatched": total, "numberReturned": len(statuses), "links": page}


def dismissed(links: Links, document: Json, process_id: str) -> Json:
    """The status that answers a DELETE."""
    return {
        "type": "process",
        "processID": process_id,
        "jobID": document["jobID"],
        "status": "dismissed",
        "message": "Travail annulé ou effacé.",
        "links": [_jobs_link(links) | {"rel": "up"}],
    }


def coverage_collection(links: Links, raster: Raster, document: Json) -> Json:
    """A raster as a collection: what pygeoapi says of its extent and parameters, with our links."""
    one = raster.definition
    href = links.collection(one.id)
    native = from_srid(one.srid).uri
    extent = document["extent"]
    extent["spatial"]["storageCrsBbox"] = [list(one.bounds)]
    return {
        "id": one.id,
        "title": one.title,
        "description": one.description,
        "attribution": one.attribution,
        "keywords": list(one.keywords),
        "itemType": "coverage",
        "extent": extent,
        "crs": [CRS84_URI, native],
        "storageCrs": native,
        "editions": dict(raster.sources),
        "output_formats": ["CoverageJSON", "GeoTIFF"],
        "parameter_names": {one.field: _parameter(raster)},
        "data_queries": {name: _query(links, raster, name, title) for name, title in QUERIES.items()},
        "links": [
            *self_links(href, "Cette couverture"),
            link(one.licence_url, "license", HTML, "Licence"),
            link(f"{href}/coverage", f"{_REL}/coverage", COVERAGE_JSON, "Les valeurs en CoverageJSON"),
            link(f"{href}/coverage?f=GTiff", f"{_REL}/coverage", GEOTIFF, "Les valeurs en GeoTIFF"),
            link(links.ogc("stac", "rasters", one.id), "related", "application/geo+json", "La fiche STAC"),
        ],
    }


def _parameter(raster: Raster) -> Json:
    one = raster.definition
    return {
        "id": one.field,
        "type": "Parameter",
        "name": one.field_title,
        "observedProperty": {"id": one.field, "label": one.field_title},
        "unit": {"label": one.unit, "symbol": {"value": one.unit, "type": "http://www.opengis.net/def/uom/UCUM/"}},
    }


def _query(links: Links, raster: Raster, name: str, title: str) -> Json:
    variables: Json = {
        "title": title,
        "query_type": name,
        "output_formats": ["CoverageJSON"],
        "default_output_format": "CoverageJSON",
    }
    return {"link": link(links.collection(raster.id, name), "data", COVERAGE_JSON, title) | {"variables": variables}}
