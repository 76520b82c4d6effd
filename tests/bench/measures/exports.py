"""The whole layer as one GeoJSON file against ogr2ogr."""

import subprocess
import time
from pathlib import Path

from psycopg import sql

from layers.statements import columns
from layers.storage import current_table
from tests.bench.context import Bench, Measure
from tests.bench.fetch import AnswerError, Transfer, download
from tests.bench.libpq import libpq_environment
from tests.bench.servers import peak_memory
from tests.bench.verdict import Row, at_most

OGR_SECONDS = 300
FIRST_BYTE_S = 0.2
GROWTH_MB = 100


def export(bench: Bench) -> list[Row]:
    """All the features as GeoJSON from a portal just started, against ogr2ogr from the same table to the same disk.

    One transfer each. The features in our file are counted. Memory is the growth of the resident size of all the
    server's processes, sampled during the transfer.
    """
    transfer, growth = _ours(bench)
    reference = _ogr2ogr(bench)
    note = f"{transfer.size / 1e6:.0f} Mo, {bench.cadastre.count} objets"
    return [
        Row("export", "export GeoJSON de tout", "s", transfer.total_s, reference, at_most(1), "tipg 1,6 ; pygeoapi 2,2", note),
        Row(
            "export-premier-octet",
            "export, premier octet",
            "s",
            transfer.first_byte_s,
            None,
            at_most(FIRST_BYTE_S),
            "10 s ; 14 s, sur cinq fois moins d'objets",
        ),
        Row("export-memoire", "export, mémoire prise", "Mo", growth / 1e6, None, at_most(GROWTH_MB), "940 ; 1 000 Mo"),
    ]


def _ours(bench: Bench) -> tuple[Transfer, int]:
    target = bench.scratch / "portail.geojson"
    with bench.cold_portal() as server, peak_memory(server) as growth:
        transfer = download(server, f"/telechargements/{bench.layer.id}/latest/{bench.layer.id}.geojson", target)
    found = _count_features(target)
    target.unlink()
    if found != bench.cadastre.count:
        raise AnswerError(f"l'export compte {found} objets au lieu de {bench.cadastre.count}")
    return transfer, growth[0]


def _count_features(path: Path) -> int:
    """Features of a GeoJSON file, by their type: parsing half a gigabyte would last longer than the measure."""
    mark, count, tail = b'"Feature"', 0, b""
    with path.open("rb") as file:
        while chunk := file.read(1 << 24):
            block = tail + chunk
            count += block.count(mark)
            tail = block[-(len(mark) - 1) :]
    return count


def _ogr2ogr(bench: Bench) -> float:
    """Seconds that ogr2ogr takes; raises RuntimeError when it fails."""
    target = bench.scratch / "ogr2ogr.geojson"
    names = ["key", *(field.name for field in bench.layer.public_fields), "geom"]
    query = sql.SQL("SELECT {} FROM {}").format(columns(names), current_table(bench.layer)).as_string(None)
    # The connection is in the environment; GDAL only asks that the name start with "PG:".
    command = [
        "ogr2ogr",
        "-f",
        "GeoJSON",
        str(target),
        "PG:application_name=banc",
        "-t_srs",
        "EPSG:4326",
        "-lco",
        "RFC7946=YES",
        "-sql",
        query,
    ]
    start = time.perf_counter()
    finished = subprocess.run(
        command,
        env=libpq_environment(bench.dataset.database_url),
        capture_output=True,
        text=True,
        timeout=OGR_SECONDS,
        check=False,
    )
    seconds = time.perf_counter() - start
    if finished.returncode:
        raise RuntimeError(f"ogr2ogr a échoué : {finished.stderr.strip()[-200:]}")
    target.unlink()
    return seconds


MEASURES = (Measure("export", "export GeoJSON de tout", export),)
